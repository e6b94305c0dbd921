"""Turns miniImageNet's and tieredImageNet's pickles into a data set that Handful reads.

    python3 train/unpickle.py FOLDER OUT

FOLDER has miniImageNet as Gidaris and Komodakis (2018) published it,

    miniImageNet_category_split_train_phase_train.pickle, ..._val.pickle, ..._test.pickle

or tieredImageNet as Ren et al. (2018) did:

    {train,val,test}_images_png.pkl (or {train,val,test}_images.npz) and {train,val,test}_labels.pkl,
    and class_names.txt with synsets.txt, from which classes get their synsets.

OUT is made: {base,val,novel}/CLASS/NUMBER.png and manifest.csv. Pixels stay what they are. Needs numpy.

A pickle can run any program. This one is read by a reader that makes arrays, numbers, texts, lists and dictionaries, and
refuses everything else.
"""

import codecs
import csv
import pickle
import re
import shutil
import struct
import sys
import zlib
from pathlib import Path

import numpy

SPLITS = {"base": "train", "val": "val", "novel": "test"}
MINI = "miniImageNet_category_split_{}.pickle"
ARRAYS = {"_reconstruct", "scalar", "_frombuffer"}


class Refused(Exception):
    """What was given cannot be used."""


class ArrayUnpickler(pickle.Unpickler):
    """Knows what numpy's arrays are made of, and nothing that runs."""

    def find_class(self, module, name):
        if (module, name) == ("_codecs", "encode"):
            return codecs.encode
        if module == "numpy" and name in ("dtype", "ndarray"):
            return getattr(numpy, name)
        place = re.fullmatch(r"numpy\.(?:_core|core)\.(multiarray|numeric)", module)
        if place and name in ARRAYS:
            core = numpy._core if hasattr(numpy, "_core") else numpy.core
            return getattr(getattr(core, place[1]), name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which has no place in a data set")


def unpickled(path):
    # Python 2 wrote them: its texts are bytes.
    try:
        with open(path, "rb") as file:
            return ArrayUnpickler(file, encoding="latin1").load()
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # Hostile bytes raise anything.
        raise Refused(f"{path} is refused: {error}") from error


def png(rgb):
    """An array [height, width, 3] of bytes as a PNG file."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != numpy.uint8:
        raise Refused(f"expected images of bytes [height, width, 3], got {rgb.dtype} {rgb.shape}")

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = rgb.shape
    rows = b"".join(b"\0" + row.tobytes() for row in rgb)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def mini_imagenet(path):
    """Class, synset and PNG file of each image."""
    content = unpickled(path)
    names = {label: name for name, label in content["catname2label"].items()}
    for label, rgb in zip(content["labels"], content["data"], strict=True):
        yield names[label], names[label], png(rgb)


def tiered_imagenet(folder, split, synsets, used):
    """The same. Two classes of one name (there are two cranes) are told apart by their numbers."""
    labels = unpickled(folder / f"{split}_labels.pkl")
    names = {}
    for label, name in enumerate(labels["label_specific_str"]):
        wnid = synsets.get(name, "")
        names[label] = (f"{name} ({split} {label})" if name in used else name, wnid)
        used.add(name)
    for label, file in zip(labels["label_specific"], tiered_images(folder, split), strict=True):
        yield *names[int(label)], file


def tiered_images(folder, split):
    path = folder / f"{split}_images_png.pkl"
    if path.exists():
        return (numpy.asarray(file).tobytes() for file in unpickled(path))
    # Blue comes first in arrays that OpenCV has read.
    with numpy.load(folder / f"{split}_images.npz", allow_pickle=False) as file:
        return (png(numpy.ascontiguousarray(bgr[:, :, ::-1])) for bgr in file["images"])


def read_synsets(folder):
    """Synsets by the names of classes; a name of two synsets has none."""
    synsets = {}
    names, wnids = folder / "class_names.txt", folder / "synsets.txt"
    if names.exists() and wnids.exists():
        lines = zip(names.read_text("utf-8").split("\n"), wnids.read_text("utf-8").split("\n"))
        for name, wnid in lines:
            name = name.strip()
            synsets[name] = "" if name in synsets else wnid.strip()
    return synsets


def images(folder):
    """Split, class, synset and PNG file of each image."""
    if (folder / MINI.format("test")).exists():
        for split, theirs in SPLITS.items():
            theirs = "train_phase_train" if split == "base" else theirs
            for image in mini_imagenet(folder / MINI.format(theirs)):
                yield split, *image
    elif (folder / "test_labels.pkl").exists():
        synsets, used = read_synsets(folder), set()
        for split, theirs in SPLITS.items():
            for image in tiered_imagenet(folder, theirs, synsets, used):
                yield split, *image
    else:
        raise Refused(f"{folder} has neither {MINI.format('test')} nor test_labels.pkl")


def folder_name(name):
    return re.sub(r"^\.+|[/\\\0]", "_", name)


def write(folder, out):
    if out.exists():
        raise Refused(f"{out} exists; remove it or name another folder")
    # What is not whole must not look like a data set.
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    rows = [["path", "class", "wnid", "split"]]
    for number, (split, name, wnid, file) in enumerate(images(folder)):
        path = Path(split, folder_name(name), f"{number:06}.png")
        (part / path).parent.mkdir(parents=True, exist_ok=True)
        (part / path).write_bytes(file)
        rows.append([path.as_posix(), name, wnid, split])
    with open(part / "manifest.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    part.rename(out)
    print(f"{len(rows) - 1} images in {out}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        write(Path(sys.argv[1]), Path(sys.argv[2]))
    except (Refused, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
    except (AttributeError, KeyError, TypeError, ValueError) as problem:
        what = f"{type(problem).__name__}: {problem}"
        print(f"error: {sys.argv[1]} is not laid out as published ({what})", file=sys.stderr)
        sys.exit(2)
