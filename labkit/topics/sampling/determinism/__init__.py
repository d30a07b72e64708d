"""The same request, repeated: where do the answers differ?"""
