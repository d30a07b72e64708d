"""Requests over HTTP: sent by a thread, timed, and their failures told in sentences."""
