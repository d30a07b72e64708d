"""How the lab writes every file, and how it reads those that people pass on."""
