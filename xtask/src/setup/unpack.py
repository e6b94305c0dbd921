"""Unpacks from a torch wheel the named libraries and the headers, and nothing else.

usage: unpack.py WHEEL FOLDER LIBRARY...
"""
import os
import shutil
import sys
import zipfile

wheel, folder, *libraries = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    headers = [n for n in archive.namelist() if n.startswith("torch/include/") and not n.endswith("/")]
    for name in [f"torch/lib/{library}" for library in libraries] + headers:
        target = os.path.join(folder, name.removeprefix("torch/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with archive.open(name) as source, open(target, "wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
