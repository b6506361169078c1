"""HTTP messages without sockets: bytes in, Request; Response, bytes out."""
