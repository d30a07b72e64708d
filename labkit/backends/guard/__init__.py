"""What may leave this machine: a scanner, and the policy that decides by what it finds."""
