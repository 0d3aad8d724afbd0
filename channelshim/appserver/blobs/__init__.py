"""Uploads, blobs in answers, and the images made of them."""
