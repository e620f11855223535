"""A stand-in for a file that the system ends its reader for: code to run in a worker."""

DEADLY = """
import os, signal
import jova_bench.media.files as media
real = media.read

def read(path, *args, **kw):
    if "bomb" in str(path):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(path, *args, **kw)

media.read = read
"""
