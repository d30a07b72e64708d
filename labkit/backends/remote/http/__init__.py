"""Requests over HTTP: sent by a thread, timed, and their failures put in sentences."""
