"""The networks, one a file. Attribute names inside are the published checkpoint's keys: never rename them."""
