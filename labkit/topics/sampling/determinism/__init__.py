"""The same request again and again: where do the answers differ?"""
