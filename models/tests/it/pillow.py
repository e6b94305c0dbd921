"""Writes image files of many kinds, and for each the RGB bytes that Pillow reads, alpha over white.

list.txt names each file and the largest mean difference that a reader may have, of 255 levels.
"""

import struct
import sys
import zlib
from pathlib import Path

from PIL import Image

FOLDER = Path(sys.argv[1])
LIST = (FOLDER / "list.txt").open("w")
SIZES = [(1, 1), (5, 3), (33, 21), (64, 48)]


def drawn(width, height):
    pixels = [
        (40 + 170 * x // width, 40 + 170 * y // height, 210 - 120 * (x + y) // (width + height))
        for y in range(height)
        for x in range(width)
    ]
    image = Image.new("RGB", (width, height))
    image.putdata(pixels)
    return image


def with_alpha(image):
    alpha = Image.new("L", image.size)
    width, height = image.size
    alpha.putdata([255 * (x + y) // (width + height) for y in range(height) for x in range(width)])
    image = image.convert("RGBA")
    image.putalpha(alpha)
    return image


def over_white(image):
    if image.mode in ("I;16", "I"):
        image = image.point(lambda value: value / 256).convert("L")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image).convert("RGB")


def add(name, most=1.0, expected=None):
    """Lists a file that was written, with what Pillow reads from it or with given pixels."""
    with Image.open(FOLDER / name) as image:
        read = over_white(image) if expected is None else expected
    (FOLDER / f"{name}.rgb").write_bytes(read.tobytes())
    print(name, most, file=LIST)


def save(name, image, most=1.0, **options):
    image.save(FOLDER / name, **options)
    add(name, most)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(name, image, bits, color_type, extra=b""):
    """A PNG of `bits` a sample: gray (0), RGB (2), palette (3), gray and alpha (4), RGBA (6)."""
    width, height = image.size
    mode = {0: "L", 2: "RGB", 3: "L", 4: "LA", 6: "RGBA"}[color_type]
    samples = list(image.convert(mode).tobytes())
    n = len(mode)
    rows = []
    for y in range(height):
        row = samples[y * width * n : (y + 1) * width * n]
        if bits == 16:
            rows.append(b"".join(struct.pack(">BB", value, value) for value in row))
        else:
            text = "".join(format(value >> (8 - bits), f"0{bits}b") for value in row)
            text += "0" * (-len(text) % 8)
            rows.append(bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8)))
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    if color_type == 3:
        levels = 1 << bits
        extra += chunk(b"PLTE", bytes(255 * i // (levels - 1) for i in range(levels) for _ in "rgb"))
    content = chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    (FOLDER / name).write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def png():
    for width, height in SIZES:
        image = drawn(width, height)
        for bits, color_type in [(b, 0) for b in (1, 2, 4, 8, 16)] + [(b, 3) for b in (1, 2, 4, 8)] + [
            (b, c) for b in (8, 16) for c in (2, 4, 6)
        ]:
            source = with_alpha(image) if color_type >= 4 else image
            name = f"png_{color_type}_{bits}_{width}x{height}.png"
            raw_png(name, source, bits, color_type)
            # Pillow reads 16 bits of color as 8 in other roundings.
            add(name)
        gamma = chunk(b"gAMA", struct.pack(">I", 45455))
        raw_png(f"gamma_{width}x{height}.png", image, 8, 2, gamma)
        add(f"gamma_{width}x{height}.png")
        palette = image.quantize(17)
        save(f"palette_{width}x{height}.png", palette)
        save(f"palette_clear_{width}x{height}.png", palette, transparency=3)
        save(f"clear_color_{width}x{height}.png", image, transparency=image.getpixel((0, 0)))
        save(f"clear_gray_{width}x{height}.png", image.convert("L"), transparency=60)
    frames = [drawn(20, 14).rotate(angle) for angle in (0, 90, 180)]
    save("animated.png", frames[0], save_all=True, append_images=frames[1:])


def webp():
    for width, height in SIZES:
        image = drawn(width, height)
        save(f"lossless_{width}x{height}.webp", image, lossless=True)
        save(f"lossless_alpha_{width}x{height}.webp", with_alpha(image), lossless=True, exact=True)
        save(f"lossy_{width}x{height}.webp", image, 3.0, quality=90)
        save(f"lossy_alpha_{width}x{height}.webp", with_alpha(image), 4.0, quality=90)
    frames = [drawn(20, 14).rotate(angle) for angle in (0, 90, 180)]
    save("animated.webp", frames[0], lossless=True, save_all=True, append_images=frames[1:])


def others():
    for width, height in SIZES:
        image = drawn(width, height)
        for mode in ("RGB", "L", "1", "P"):
            converted = image.quantize(17) if mode == "P" else image.convert(mode)
            save(f"{mode}_{width}x{height}.bmp", converted)
            save(f"{mode}_{width}x{height}.gif", converted)
        save(f"RGBA_{width}x{height}.bmp", with_alpha(image), 255.0)
        for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits"):
            for mode in ("RGB", "L", "1", "RGBA", "CMYK", "I;16", "P", "F"):
                name = f"{mode.replace(';', '')}_{compression}_{width}x{height}.tif"
                if mode == "I;16":
                    gray = image.convert("L")
                    deep = Image.frombytes("I;16", gray.size, bytes(v for x in gray.tobytes() for v in (x, x)))
                    deep.save(FOLDER / name, compression=compression)
                    add(name, 1.0, gray.convert("RGB"))
                    continue
                source = with_alpha(image) if mode == "RGBA" else image.quantize(17) if mode == "P" else image.convert(mode)
                save(name, source, compression=compression)
        save(f"group4_{width}x{height}.tif", image.convert("1"), compression="group4")
        save(f"jpeg_{width}x{height}.tif", image, compression="jpeg")
    frames = [drawn(20, 14).rotate(angle).quantize(16) for angle in (0, 90, 180)]
    save("animated.gif", frames[0], save_all=True, append_images=frames[1:])
    save("clear.gif", frames[0], transparency=frames[0].getpixel((0, 0)))
    save("interlaced.gif", frames[0], interlace=True)
    pages = [drawn(20, 14).rotate(angle) for angle in (0, 180)]
    save("pages.tif", pages[0], save_all=True, append_images=pages[1:])


png()
webp()
others()
LIST.close()
