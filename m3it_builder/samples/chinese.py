"""Chinese words for what synthetic scenes show."""

from __future__ import annotations

from m3it_builder.samples.world import Scene, Thing

COLORS = {
    "red": "红色",
    "green": "绿色",
    "blue": "蓝色",
    "yellow": "黄色",
    "purple": "紫色",
    "orange": "橙色",
}
SHAPES = {"circle": "圆形", "square": "正方形", "triangle": "三角形", "star": "五角星"}
NUMBERS = ("零", "一", "两", "三", "四", "五", "六")
_POSITIONS = (("左上角", "上边中间", "右上角"), ("左下角", "下边中间", "右下角"))


def described(scene: Scene, thing: Thing) -> str:
    """Return the shape of a thing, with its position if another has the same shape."""
    if scene.count(thing.shape) == 1:
        return SHAPES[thing.shape]
    return f"{_POSITIONS[thing.row][thing.column]}的{SHAPES[thing.shape]}"
