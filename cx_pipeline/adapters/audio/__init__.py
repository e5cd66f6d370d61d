"""Audio files: their headers, their frames, and what is made of them."""
