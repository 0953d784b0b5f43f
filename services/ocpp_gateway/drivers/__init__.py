"""The shells of the gateway: sockets, sessions, records; whatever waits, sends or keeps."""
