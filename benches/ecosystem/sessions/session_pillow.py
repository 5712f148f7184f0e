"""Images and a font."""

from PIL import Image, ImageDraw, ImageFont

image = Image.linear_gradient("L").resize((8, 8)).convert("RGB")
image.info["dpi"] = (72, 72)
palette = image.quantize(4)
mask = Image.new("1", (4, 4), 1)
font = ImageFont.load_default(12)
ImageDraw.Draw(image).line((0, 0, 7, 7), fill=(255, 0, 0))
sizes = {name: Image.new("RGBA", (n, n), (n, 0, 0, 255)) for name, n in [("small", 1), ("large", 3)]}

CHECKS = {
    "image": "image.mode, image.size, image.info, image.tobytes()",
    "palette": "palette.mode, palette.getpalette(), palette.tobytes()",
    "mask": "mask.mode, mask.getbbox(), mask.tobytes()",
    "font": "font.getname(), font.size, font.getbbox('snap'), bytes(font.getmask('snap'))[:200]",
    "sizes": "{name: (one.size, one.tobytes()) for name, one in sizes.items()}",
}
