"""Frames of bytes: a length, a checksum, the text."""

import struct, zlib, binascii, array

HEADER = '!HiB'
MAGIC = '\xca\xfe'


def pack(text, kind=0):
    if isinstance(text, unicode):
        text = text.encode('utf8')
    return MAGIC + struct.pack(HEADER, len(text), zlib.crc32(text), kind) + text


def unpack(frame):
    if frame[:2] != MAGIC:
        raise ValueError('magic is %s' % binascii.hexlify(frame[:2]))
    start = 2 + struct.calcsize(HEADER)
    size, crc, kind = struct.unpack(HEADER, frame[2:start])
    text = frame[start:start + size]
    if zlib.crc32(text) != crc:
        raise ValueError, 'crc'
    return kind, text.decode('utf8')


def mask(data, key):
    key = array.array('B', key)
    data = array.array('B', data)
    for i in xrange(len(data)):
        data[i] ^= key[i % len(key)]
    return data.tostring()
