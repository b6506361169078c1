"""Routing: from the path of a request to the handler that answers it."""
