"""The server: who may come in, one socket, and the loop that serves them all in one thread."""
