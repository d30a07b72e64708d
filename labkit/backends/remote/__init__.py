"""Whatever speaks HTTP: the client, its protocols, and the servers that run on this machine."""
