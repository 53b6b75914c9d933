"""From files on disk to upright RGB: scan, decode, metadata, thumbnails.

Nothing is imported here, so that a decode worker starts light; import the module you need.
"""
