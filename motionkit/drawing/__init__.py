"""What is drawn: collages, contact sheets, and what a model sees over a picture."""
