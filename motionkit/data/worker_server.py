"""Imported by the server that starts workers, and by nothing else: a signal to all processes must not end it.

It ends when the process that it serves does.
"""

import signal

signal.signal(signal.SIGTERM, signal.SIG_IGN)
