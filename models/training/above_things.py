"""Long vehicles, boxes and people under the camera of above.py."""

import numpy as np

from above_cars import PAINTS
from above_view import TURN, outline, placed


class Block:
    """A truck, a bus, or a thing that is only like a box: an upright prism of a rounded outline."""

    def __init__(self, chance, at, heading, size, label=None, square=9.0, colour=None):
        self.chance, self.at, self.heading, self.label = chance, at, heading, label
        self.length, self.width, self.height = size
        self.colour = np.array(PAINTS[chance.integers(len(PAINTS))] if colour is None else colour, float)
        cab = 2.2 if label == "truck" else 0
        self.cab = cab and outline(cab, self.width * 0.95, 0.1, 6) + [(self.length - cab) / 2, 0]
        box = outline(self.length - cab * 1.08, self.width, 0.0, square) - [cab * 0.54, 0]
        self.low = 0.9 if label == "truck" else 0.3 if label == "bus" else 0
        self.shell = self.prism(box, self.low, self.height)
        self.points = (
            self.shell.reshape(-1, 3)
            if not cab
            else np.concatenate([self.shell.reshape(-1, 3), self.prism(self.cab, 0.3, 2.6).reshape(-1, 3)])
        )

    def prism(self, flat, low, high, crown=0.0):
        middle = flat.mean(0)
        rings = [
            np.column_stack([(flat - middle) * share + middle, np.full(48, z)])
            for share, z in ((1, low), (1, high - 0.08 * min(1, high)), (0.97, high), (0.6, high + crown), (0, high + crown))
        ]
        return placed(rings, self.at, self.heading)

    def at_own(self, points):
        return placed(points, self.at, self.heading)

    def paint_on(self, view):
        chance, half, wide, high = self.chance, self.length / 2, self.width / 2, self.height
        if self.label == "truck":
            view.polygon(
                self.at_own(
                    [[-half, -wide * 0.8, 0.8], [half, -wide * 0.8, 0.8], [half, wide * 0.8, 0.8], [-half, wide * 0.8, 0.8]]
                ),
                (24, 24, 25),
            )
            cab, paint = self.prism(self.cab, 0.3, 2.6, 0.05), np.array(PAINTS[chance.integers(len(PAINTS))], float)
            view.loft(cab, paint, 0.7)
            view.patch(
                self.at_own(
                    [
                        [half + 0.02, -wide * 0.8, 1.5],
                        [half + 0.02, wide * 0.8, 1.5],
                        [half - 0.05, wide * 0.78, 2.45],
                        [half - 0.05, -wide * 0.78, 2.45],
                    ]
                ),
                (26, 32, 36),
                1.5,
            )
        view.loft(self.shell, self.colour, 0.6 if self.label else 0.1)
        if self.label:
            for x in np.arange(-half + 0.6, half - (2.6 if self.label == "truck" else 0.6), 1.2):
                view.line(
                    self.at_own([[x, -wide * 0.93, high], [x, wide * 0.93, high]]),
                    self.colour * 0.8 * view.light["ambient"],
                    0.03,
                )
        if self.label == "bus":
            for side in (1, -1):
                row = [
                    [-half * 0.95, side * wide * 1.01, 1.3],
                    [half * 0.95, side * wide * 1.01, 1.3],
                    [half * 0.95, side * wide * 1.01, 2.3],
                    [-half * 0.95, side * wide * 1.01, 2.3],
                ]
                view.patch(self.at_own(row[::1] if side < 0 else [row[1], row[0], row[3], row[2]]), (26, 32, 36), 1.5, across=12)
            for x in (-half * 0.55, half * 0.1, half * 0.6):
                view.polygon(
                    self.at_own(
                        [[x, -0.5, high + 0.02], [x + 0.9, -0.5, high + 0.02], [x + 0.9, 0.5, high + 0.02], [x, 0.5, high + 0.02]]
                    ),
                    self.colour * 0.6 * view.light["ambient"],
                )


class Person:
    """Somebody from above: feet, a body narrowing to the shoulders, arms, a head."""

    label = "person"

    def __init__(self, chance, at, heading):
        self.chance, self.at, self.heading = chance, at, heading
        self.length, tall, stride = 0.6, chance.uniform(0.92, 1.06), chance.uniform(0, 0.3)
        circle = np.stack([np.cos(TURN), np.sin(TURN)], 1)
        self.legs = [self.ring(circle * [0.13, 0.09] + [way * stride, way * 0.1], z * tall) for way in (1, -1) for z in (0, 0.85)]
        self.torso = np.array(
            [
                self.ring(circle * size, z * tall)
                for size, z in (((0.15, 0.19), 0.8), ((0.15, 0.25), 1.3), ((0.11, 0.22), 1.42), ((0, 0), 1.46))
            ]
        )
        self.head = np.array(
            [
                self.ring(circle * [r * 1.15, r] + [0.03, 0], z * tall)
                for r, z in ((0.07, 1.47), (0.1, 1.58), (0.09, 1.66), (0.05, 1.71), (0, 1.72))
            ]
        )
        self.points = np.concatenate([*self.legs, *self.torso, *self.head])

    def ring(self, flat, z):
        return placed(np.column_stack([flat, np.full(48, z)]), self.at, self.heading)

    def paint_on(self, view):
        chance = self.chance
        trousers, top = np.array(PAINTS[chance.integers(4, len(PAINTS))]) * 0.7, PAINTS[chance.integers(len(PAINTS))]
        for k in (0, 2):
            view.loft(np.array(self.legs[k : k + 2])[:, ::3], trousers)
        view.loft(self.torso[:, ::2], top)
        view.loft(
            self.head[:, ::3],
            [(40, 28, 20), (25, 22, 20), (120, 90, 50), (150, 150, 150), (70, 45, 30), (170, 130, 105)][chance.integers(6)],
        )
