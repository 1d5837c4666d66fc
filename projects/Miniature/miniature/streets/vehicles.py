"""The vehicles: cars, trucks, buses, trains, and what Cityscapes ignores (caravans, trailers)."""

from collections.abc import Callable
from functools import cache

from miniature.streets.shapes import Shape, ShapeBuilder, circle, rect

#: length, width, height, bonnet height, belt height, cabin in shares of the length: rear foot, top, front top, foot
_CARS: dict[str, tuple[float, ...]] = {
    "sedan": (4.6, 1.80, 1.45, 0.88, 0.95, 0.08, 0.22, 0.56, 0.74),
    "hatchback": (3.9, 1.72, 1.50, 0.90, 0.96, 0.01, 0.09, 0.56, 0.76),
    "estate": (4.7, 1.82, 1.50, 0.88, 0.95, 0.01, 0.05, 0.56, 0.74),
    "suv": (4.5, 1.92, 1.72, 1.05, 1.10, 0.01, 0.07, 0.60, 0.76),
    "van": (4.8, 1.95, 2.00, 1.08, 1.12, 0.00, 0.02, 0.72, 0.88),
}


def _wheels(builder: ShapeBuilder, centers: list[float], radius: float, half_width: float) -> None:
    for x in centers:
        builder.on_sides(circle(x, radius, radius), "tire", half_width * 1.01, detail=False)
        builder.on_sides(circle(x, radius, 0.6 * radius), "hub", half_width * 1.02)


def _tires_from_behind(builder: ShapeBuilder, length: float, radius: float, half_width: float) -> None:
    """The dark feet seen below the bumper from the front and the rear; drawn before the body."""
    builder.box((-0.45 * length, 0.45 * length), (0.06, 1.2 * radius), 0.6 * half_width, "shade")
    for x in (-0.44 * length, 0.44 * length):
        face = rect(0.62 * half_width, 0.97 * half_width, 0.0, 1.4 * radius)
        builder.on_end(x, face, "tire", detail=False, mirror=True)


def _lights(builder: ShapeBuilder, length: float, half_width: float, low: float, high: float, inner: float) -> None:
    face = rect(inner * half_width, 0.96 * half_width, low, high)
    builder.on_end(-length / 2 * 1.005, face, "taillight", mirror=True, detail=False)
    builder.on_end(length / 2 * 1.005, face, "headlight", mirror=True, detail=False)
    plate = rect(-0.28, 0.28, low - 0.22, low - 0.09)
    builder.on_end(-length / 2 * 1.006, plate, "plate")
    builder.on_end(length / 2 * 1.006, plate, "plate")


def _car(kind: str) -> Shape:
    length, width, height, bonnet, belt, *shares = _CARS[kind]
    rear, front, half = -length / 2, length / 2, width / 2
    foot_rear, top_rear, top_front, foot_front = (rear + share * length for share in shares)
    builder = ShapeBuilder()
    _tires_from_behind(builder, length, 0.33, half)
    body = [(rear, 0.26), (rear, 0.62), (rear + 0.06, belt), (foot_front, belt), (front - 0.1, bonnet - 0.12)]
    body += [(front, 0.62), (front, 0.26)]
    builder.prism(body, [half] * 7, ["body"] * 6, "body")
    cabin = [(foot_rear, belt), (top_rear, height), (top_front, height), (foot_front, belt)]
    builder.prism(cabin, [half * 0.98, half * 0.8, half * 0.8, half * 0.98], ["window", "body", "window"], "body")

    def slope(y: float) -> float:
        return half * (0.985 - 0.18 * (y - belt) / (height - belt))

    low, high, middle = belt + 0.03, height - 0.1, (top_rear + top_front) / 2 + 0.1
    builder.on_sides([(foot_rear + 0.2, low), (top_rear + 0.12, high), (middle, high), (middle, low)], "window", slope)
    panes = [(middle + 0.1, low), (middle + 0.1, high), (top_front - 0.02, high), (foot_front - 0.18, low)]
    builder.on_sides(panes, "window", slope)
    builder.on_sides(rect(rear + 0.05, front - 0.05, 0.26, 0.36), "shade", half * 1.004)
    _wheels(builder, [-0.3 * length, 0.31 * length], 0.33, half)
    _lights(builder, length, half, 0.64, 0.84, 0.58)
    builder.on_end(front * 1.004, rect(-0.5 * half, 0.5 * half, 0.62, 0.76), "shade")
    for x in (rear, front):
        builder.on_end(x * 1.003, rect(-half, half, 0.26, 0.38), "shade")
    return builder.build()


def _truck(length: float, tarpaulin: bool) -> Shape:
    """A cab and a box behind it; the box has its own colour."""
    builder = ShapeBuilder()
    half, rear, front = 1.2, -length / 2, length / 2
    cab_rear = front - 2.1
    cargo_high = 3.4
    builder.box((rear + 0.3, front - 0.4), (0.3, 0.85), 0.95, "shade")
    builder.on_end(rear + 0.3, rect(0.55, 1.15, 0.0, 0.9), "tire", detail=False, mirror=True)
    builder.on_end(front - 0.4, rect(0.65, 1.15, 0.0, 0.6), "tire", detail=False, mirror=True)
    _wheels(builder, [rear + 1.1, rear + 2.2, front - 1.2], 0.5, 1.16)
    builder.group = 1
    builder.box((rear, cab_rear - 0.2), (0.85, cargo_high), half, "cargo")
    builder.on_sides(rect(rear, cab_rear - 0.2, 0.85, 1.02), "trim", half * 1.004)
    if tarpaulin:
        builder.on_sides(rect(rear + 0.6, cab_rear - 0.8, 1.7, 2.7), "logo", half * 1.006)
        for x in (rear + 0.1, cab_rear - 0.35):
            builder.on_sides(rect(x, x + 0.08, 1.0, cargo_high), "trim", half * 1.006)
    builder.on_end(rear * 1.001, rect(-0.04, 0.04, 0.95, cargo_high - 0.1), "shade")
    builder.on_end(rear * 1.001, rect(0.3 * half, 0.36 * half, 0.95, cargo_high - 0.1), "trim", mirror=True)
    builder.on_end(rear * 1.001, rect(-half, half, 0.55, 0.85), "shade", detail=False)
    builder.on_end(rear * 1.003, rect(0.62 * half, half, 0.62, 0.82), "taillight", mirror=True, detail=False)
    builder.on_end(rear * 1.003, rect(-0.3, 0.3, 0.62, 0.76), "plate")
    builder.group = 2
    cab = [(cab_rear, 0.5), (cab_rear, 2.75), (front - 0.35, 2.75), (front, 1.5), (front, 0.4)]
    builder.prism(cab, [half * 0.97] * 5, ["body", "body", "window", "body"], "body")
    builder.on_sides(
        [(cab_rear + 0.6, 1.5), (cab_rear + 0.6, 2.4), (front - 0.4, 2.4), (front - 0.15, 1.5)], "window", half
    )
    builder.on_end(front * 1.003, rect(-0.75 * half, 0.75 * half, 0.75, 1.35), "shade")
    builder.on_end(front * 1.004, rect(0.6 * half, 0.93 * half, 0.5, 0.72), "headlight", mirror=True, detail=False)
    builder.on_end(front * 1.004, rect(-0.3, 0.3, 0.45, 0.6), "plate")
    return builder.build()


def _bus(length: float) -> Shape:
    builder = ShapeBuilder()
    half, rear, front, height = 1.27, -length / 2, length / 2, 3.05
    _tires_from_behind(builder, length, 0.48, half)
    profile = [(rear, 0.3), (rear, height - 0.15), (rear + 0.2, height), (front - 0.2, height), (front, height - 0.2)]
    builder.prism([*profile, (front, 0.3)], [half] * 6, ["body"] * 5, "body")
    builder.on_sides(rect(rear + 0.1, front - 0.1, 0.3, 0.55), "trim", half * 1.002)
    pane, panes = length / 7, 7
    for index in range(panes):
        x = rear + index * pane
        if index in (3, 6):  # doors reach down to the step
            builder.on_sides(rect(x + 0.1, x + pane - 0.1, 0.4, 2.5), "window", half * 1.004, detail=False)
            builder.on_sides(rect(x + pane / 2 - 0.04, x + pane / 2 + 0.04, 0.4, 2.5), "trim", half * 1.006)
        else:
            builder.on_sides(rect(x + 0.06, x + pane - 0.06, 1.35, 2.5), "window", half * 1.004, detail=False)
    _wheels(builder, [-0.3 * length, 0.28 * length], 0.48, half)
    builder.on_end(front * 1.001, rect(-0.92 * half, 0.92 * half, 1.1, 2.5), "window", detail=False)
    builder.on_end(rear * 1.001, rect(-0.8 * half, 0.8 * half, 1.6, 2.45), "window", detail=False)
    for x in (rear, front):
        builder.on_end(x * 1.002, rect(-0.6 * half, 0.6 * half, 2.6, 2.88), "sign")
    builder.on_end(rear * 1.002, rect(-0.55 * half, 0.55 * half, 0.7, 1.3), "trim")
    _lights(builder, length, half, 0.68, 0.92, 0.68)
    return builder.build()


def _train(cars: int) -> Shape:
    """A tram of several cars with a stripe, doors and a pantograph."""
    builder = ShapeBuilder()
    car, gap, half, height = 8.0, 0.5, 1.3, 3.5
    length = cars * car + (cars - 1) * gap
    for index in range(cars):
        builder.group = index
        rear = -length / 2 + index * (car + gap)
        front = rear + car
        nose_rear, nose_front = (0.5 if index == 0 else 0.05), (0.5 if index == cars - 1 else 0.05)
        builder.box((rear + 0.6, front - 0.6), (0.05, 0.5), 1.05, "shade")
        if index:  # the bellows to the car behind
            builder.box((rear - gap, rear), (0.4, height - 0.2), half * 0.88, "shade")
        profile = [(rear, 0.3), (rear, 1.3), (rear + nose_rear, height), (front - nose_front, height), (front, 1.3)]
        roles = ["body", "window" if index == 0 else "shade", "trim"]
        roles += ["window" if index == cars - 1 else "shade", "body"]
        builder.prism([*profile, (front, 0.3)], [half] * 6, roles, "body")
        builder.on_sides(rect(rear + 0.02, front - 0.02, 0.75, 1.15), "stripe", half * 1.003, detail=False)
        for pane in range(4):
            x = rear + 0.55 + pane * 1.8
            low = 0.45 if pane in (1, 3) else 1.45
            builder.on_sides(rect(x, x + 1.5, low, 2.75), "window", half * 1.005, detail=False)
            if pane in (1, 3):
                builder.on_sides(rect(x + 0.7, x + 0.8, low, 2.75), "body", half * 1.006)
        for x, last in ((rear, index == 0), (front, index == cars - 1)):
            if last:
                end = x * 1.001
                builder.on_end(end, rect(-half, half, 0.75, 1.15), "stripe", detail=False)
                light = "taillight" if x < 0 else "headlight"
                builder.on_end(end * 1.001, rect(0.6 * half, 0.9 * half, 0.8, 1.08), light, mirror=True, detail=False)
                builder.on_end(end * 1.001, rect(-half * 0.9, half * 0.9, 0.3, 0.5), "shade")
    builder.line([(-1.2, height, 0.0), (0.2, height + 0.7, 0.0), (-0.5, height + 1.2, 0.0)], "shade", 0.07, detail=True)
    return builder.build()


def _caravan() -> Shape:
    builder = ShapeBuilder()
    builder.box((-1.8, 1.8), (0.1, 0.5), 0.7, "shade")
    profile = [(-2.3, 0.45), (-2.4, 1.2), (-2.1, 2.55), (1.9, 2.6), (2.4, 1.3), (2.2, 0.45)]
    builder.prism(profile, [1.1] * 6, ["body", "body", "trim", "window", "body"], "body")
    builder.on_sides(rect(-1.6, -0.4, 1.4, 2.05), "window", 1.11)
    builder.on_sides(rect(0.9, 1.6, 0.5, 2.2), "trim", 1.11)
    builder.on_sides(rect(-2.35, 2.2, 0.85, 1.05), "stripe", 1.112)
    builder.on_end(-2.41, rect(-0.7, 0.7, 1.4, 2.0), "window")
    builder.on_end(-2.41, rect(0.75, 1.0, 0.6, 0.85), "taillight", mirror=True)
    _wheels(builder, [0.0], 0.33, 1.1)
    return builder.build()


def _trailer() -> Shape:
    builder = ShapeBuilder()
    builder.box((-1.3, 1.3), (0.15, 0.5), 0.6, "shade")
    builder.box((-1.5, 1.5), (0.45, 1.5), 0.85, "cargo")
    builder.on_sides(rect(-1.5, 1.5, 0.45, 0.62), "trim", 0.86)
    builder.on_end(-1.51, rect(0.6, 0.82, 0.5, 0.65), "taillight", mirror=True)
    builder.line([(1.5, 0.45, 0.0), (2.5, 0.45, 0.0)], "shade", 0.1)
    _wheels(builder, [-0.1], 0.33, 0.86)
    return builder.build()


_BUILDERS: dict[str, tuple[Callable[[], Shape], ...]] = {
    "car": tuple(lambda kind=kind: _car(kind) for kind in _CARS),  # type: ignore[misc]
    "truck": (lambda: _truck(7.0, False), lambda: _truck(9.0, True), lambda: _truck(6.2, True)),
    "bus": (lambda: _bus(10.0), lambda: _bus(12.0)),
    "train": (lambda: _train(2), lambda: _train(3)),
    "caravan": (_caravan,),
    "trailer": (_trailer,),
}
VARIANTS: dict[str, int] = {name: len(builders) for name, builders in _BUILDERS.items()}


@cache
def vehicle(name: str, variant: int) -> Shape:
    """The shape of a vehicle by its Cityscapes name; variants count modulo ``VARIANTS[name]``."""
    builders = _BUILDERS[name]
    return builders[variant % len(builders)]()
