"""OpenD's messages, in a descriptor pool of our own."""
