"""The server: the gate, the connections, and the loop that serves them all in one thread."""
