"""What servers are sent and what they answer: a file for each interface, and one reader."""
