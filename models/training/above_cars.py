"""Cars under the camera of above.py, drawn from nothing but numbers: two shells, body and cabin, with their trim."""

import numpy as np

from above_view import TURN, area, outline, placed

PAINTS = [
    (225, 226, 224),
    (200, 201, 198),
    (150, 154, 158),
    (176, 180, 184),
    (96, 100, 105),
    (62, 66, 72),
    (22, 23, 26),
    (34, 36, 44),
    (150, 22, 26),
    (110, 14, 24),
    (30, 58, 128),
    (22, 34, 70),
    (70, 120, 170),
    (30, 70, 52),
    (96, 112, 84),
    (190, 176, 146),
    (120, 98, 76),
    (214, 176, 40),
    (200, 90, 30),
]
PAINT_ODDS = np.array([20, 6, 8, 14, 10, 8, 16, 5, 6, 2, 5, 5, 3, 2, 1.5, 2, 1.5, 1.5, 1])
SHAPES = {
    "saloon": (4.6, 1.8, 1.44, 0.95, 0.36, 0.04, -0.46, -0.74),
    "hatch": (4.0, 1.74, 1.48, 0.95, 0.42, 0.08, -0.7, -0.93),
    "estate": (4.65, 1.8, 1.48, 0.95, 0.38, 0.06, -0.82, -0.96),
    "suv": (4.5, 1.88, 1.68, 1.06, 0.42, 0.1, -0.76, -0.95),
    "small": (3.5, 1.62, 1.5, 0.93, 0.52, 0.18, -0.78, -0.96),
    "coupe": (4.3, 1.82, 1.3, 0.88, 0.26, -0.08, -0.4, -0.86),
    "van": (5.0, 1.92, 1.95, 1.1, 0.68, 0.36, -0.93, -0.985),
    "pickup": (5.2, 1.86, 1.78, 1.05, 0.38, 0.12, -0.2, -0.28),
}
SHAPE_ODDS = np.array([5, 5, 4, 4, 2, 1, 1.2, 0.5])


class Car:
    """A car's shape and trim, drawn by chance; `points` are for its shadow and its box."""

    label = "car"

    def __init__(self, chance, at, heading, kind=None):
        self.kind = kind or str(chance.choice(list(SHAPES), p=SHAPE_ODDS / SHAPE_ODDS.sum()))
        self.chance, self.at, self.heading = chance, at, heading
        factors = chance.normal(1, 0.035, 4).clip(0.9, 1.1)
        self.length, self.width, self.height, self.belt = np.array(SHAPES[self.kind][:4]) * factors
        self.marks = (np.array(SHAPES[self.kind][4:]) + chance.normal(0, 0.02, 4) * [1, 1, 1, 0]) * self.length / 2
        self.paint = np.array(PAINTS[chance.choice(len(PAINTS), p=PAINT_ODDS / PAINT_ODDS.sum())]) * chance.uniform(
            0.85, 1.1
        ) + chance.normal(0, 4, 3)
        flat = outline(self.length, self.width, chance.uniform(0.06, 0.2), chance.uniform(3.8, 6))
        nose = ((flat[:, 0] / self.length * 2 - 0.3) / 0.7).clip(0) ** 2 * chance.uniform(0.1, 0.26)
        tail = ((-flat[:, 0] / self.length * 2 - 0.6) / 0.4).clip(0) ** 2 * 0.06
        levels = [
            (0.2, 0.95, 0.97),
            (0.42, 1, 1),
            (0.62, 1, 1),
            (0.86, 0.985, 0.99),
            (1, 0.93, 0.965),
            (1.035, 0.74, 0.94),
            (1.05, 0.38, 0.93),
            (1.055, 0, 0.93),
        ]
        self.body = self.world(
            [
                np.column_stack([flat * [along, across], self.belt * z - (nose + tail) * min(1, z * z)])
                for z, across, along in levels
            ]
        )
        foot, front, back, rear = self.marks
        self.low, self.high = self.width / 2 * chance.uniform(0.84, 0.9), self.width / 2 * chance.uniform(0.66, 0.74)
        if self.kind == "van":
            self.high = self.width / 2 * 0.8
        round_ = outline(2, 2, 0.02, 12)
        base = round_ * [(foot - rear) / 2, self.low] + [(foot + rear) / 2, 0]
        roof = round_ * [(front - back) / 2, self.high] + [(front + back) / 2, 0]
        rise = 0.06 * (1 - ((roof[:, 0] - (front + back) / 2) / (front - back) * 2) ** 2)
        cabin = [np.column_stack([base, np.full(48, self.belt)]), np.column_stack([roof, self.height - 0.07 + rise])]
        inner = roof - [(front + back) / 2, 0]
        for across, up in ((0.9, 0.035), (0.6, 0.06), (0.25, 0.07), (0, 0.072)):
            cabin.append(
                np.column_stack(
                    [inner * [0.5 + 0.48 * max(across, 0.9), across] + [(front + back) / 2, 0], self.height - 0.07 + rise + up]
                )
            )
        self.cabin = self.world(cabin)
        self.points = np.concatenate([self.body[:5].reshape(-1, 3), self.cabin[1]])

    def world(self, points):
        return placed(points, self.at, self.heading)

    def paint_on(self, view):
        chance = self.chance
        gloss = chance.uniform(0.7, 1.3)
        view.loft(self.body[:2], (24, 24, 26) if chance.random() < 0.4 else self.paint * 0.7, 0.2)
        view.loft(self.body[1:], self.paint, gloss)
        self.sides(view)
        self.ends(view)
        if self.kind == "pickup":
            self.bed(view)
        self.glasshouse(view, gloss)
        self.trim(view, gloss)

    def sides(self, view):
        """Wheels in their arches, door lines, handles, mouldings."""
        dark = self.paint * 0.35
        circle = np.stack([np.cos(TURN[::3]), np.sin(TURN[::3])], 1)
        foot, front, back, rear = self.marks
        for side in (1, -1):
            y = side * self.width / 2 * 1.003
            for x in (0.6 * self.length / 2, -0.58 * self.length / 2):
                for r, colour in (
                    (0.39, (14, 14, 15)),
                    (0.33, (30, 30, 31)),
                    (0.22, np.array([120, 122, 125]) * view.light["ambient"]),
                ):
                    ring = np.column_stack([x + r * circle[:, 0] * -side, np.full(16, y), 0.33 + r * circle[:, 1]])
                    view.polygon(self.world(ring), colour, both=False)
            toward = area(view.project(self.world([[1, y, 0.3], [-1, y, 0.3], [-1, y, 0.8], [1, y, 0.8]])[::side])) < 0
            if toward:
                for x in (foot * 0.9, (front + back) / 2, rear * 0.8 if self.kind != "coupe" else back):
                    view.line(self.world([[x, y, 0.3], [x, y, self.belt * 0.86]]), dark, 0.015)
                view.line(self.world([[foot, y, 0.45], [rear * 0.8, y, 0.45]]), dark, 0.02)
        for x in (foot * 0.95, (front + back) / 2):
            for side in (1, -1):
                view.line(
                    self.world([[x, side * self.width * 0.49, self.belt * 0.9], [x, side * self.width * 0.44, self.belt]]),
                    dark,
                    0.015,
                )

    def ends(self, view):
        """Lamps, grille, bumpers, plates, the lines of bonnet and boot."""
        chance, dim = self.chance, view.light["ambient"]
        dark = self.paint * 0.4 * dim
        lit, lamp, tail = view.light["lamps"], np.array([205, 212, 218]) * max(dim, 0.3), np.array([140, 12, 16]) * max(dim, 0.5)
        if lit:
            lamp, tail = np.array([255, 250, 225]), np.array([255, 40, 30])
        wide = int(chance.integers(2, 4))
        low, high = int(chance.integers(1, 3)), int(chance.choice([3, 4]))
        for start, colour, bottom, top in (
            (3, lamp, 2, 4),
            (21 - wide, tail, low, high),
            (45 - wide, lamp, 2, 4),
            (27, tail, low, high),
        ):
            band = range(start, start + wide + 1)
            ring = np.concatenate([self.body[bottom][[i % 48 for i in band]], self.body[top][[i % 48 for i in band]][::-1]])
            view.polygon(ring, colour * 0.45, both=False)
            view.polygon(ring.mean(0) + (ring - ring.mean(0)) * 0.8, colour, both=False)
        half, z, wide = self.length / 2, self.belt, self.width
        for way in (1, -1):
            x = way * (half * 1.005)
            plate = np.array([[x, -0.26 * way, 0.5], [x, 0.26 * way, 0.5], [x, 0.26 * way, 0.62], [x, -0.26 * way, 0.62]])
            view.polygon(self.world(plate * [1, 2.2, 1] - [0, 0, 0.12 if way > 0 else 0.26]), np.array([24, 24, 26]), both=False)
            view.polygon(
                self.world(plate),
                np.array([225, 225, 215] if way > 0 or chance.random() < 0.6 else [220, 190, 60]) * dim,
                both=False,
            )
        foot, _, _, rear = self.marks
        line = dark if self.paint.mean() > 60 else self.paint + 25
        drop = z - 0.09
        view.line(
            self.world(
                [
                    [foot, -wide * 0.41, z],
                    [half * 0.84, -wide * 0.36, drop],
                    [half * 0.9, 0, drop],
                    [half * 0.84, wide * 0.36, drop],
                    [foot, wide * 0.41, z],
                ]
            ),
            line,
            0.02,
        )
        for side in (1, -1):
            if chance.random() < 0.6:
                view.line(
                    self.world([[foot, side * wide * 0.2, z * 1.05], [half * 0.86, side * wide * 0.13, z - 0.02]]),
                    self.paint * dim * 0.8,
                    0.03,
                )
        if rear > -half * 0.9 and self.kind != "pickup":
            view.line(
                self.world(
                    [
                        [rear, -wide * 0.38, z],
                        [-half * 0.92, -wide * 0.37, z],
                        [-half * 0.92, wide * 0.37, z],
                        [rear, wide * 0.38, z],
                    ]
                ),
                line,
                0.02,
            )

    def bed(self, view):
        back, half, wide = self.marks[3] - 0.08, -self.length / 2 * 0.93, self.width * 0.4
        view.polygon(
            self.world([[back, -wide, self.belt], [back, wide, self.belt], [half, wide, self.belt], [half, -wide, self.belt]]),
            (20, 20, 21),
        )
        floor = [[back, -wide, 0.6], [back, wide, 0.6], [half, wide, 0.6], [half, -wide, 0.6]]
        view.polygon(self.world(np.array(floor) * [1, 0.93, 1.1]), np.array([58, 58, 60]) * view.light["ambient"])

    def glasshouse(self, view, gloss):
        """Pillars in paint, then windscreen, rear and side windows, then the roof."""
        chance, (foot, front, back, rear) = self.chance, self.marks
        view.loft(self.cabin[:2], self.paint * 0.8, gloss * 0.6)
        glass, shine = np.array([26, 32, 36]) * chance.uniform(0.6, 1.8), chance.uniform(0.6, 2.6)
        low, high, z, top = self.low, self.high, self.belt, self.height - 0.07

        def pane(a, b, c, d, bulge=0.0, inset=0.06, sheen=1.0):
            corners = np.array([a, b, c, d], float)
            corners = corners + (corners.mean(0) - corners) * inset
            view.patch(self.world(corners), glass, shine * sheen, bulge=bulge)
            return corners

        screen = pane([foot + 0.03, -low, z + 0.03], [foot + 0.03, low, z + 0.03], [front, high, top], [front, -high, top], 0.09)
        if self.kind == "van" and chance.random() < 0.5:
            view.line(self.world([[rear - 0.02, 0, z], [back - 0.02, 0, top]]), self.paint * 0.4, 0.03)
        if self.kind != "van" or chance.random() < 0.6:
            pane([rear - 0.02, low, z + 0.03], [rear - 0.02, -low, z + 0.03], [back, -high, top], [back, high, top], 0.06, 0.13)
        posts = (
            np.linspace(0, 1, 3 if self.kind in ("coupe", "pickup", "saloon") else 4)
            if self.kind != "coupe"
            else np.array([0, 0.65, 1])
        )
        blind = self.kind == "van" and chance.random() < 0.6
        for side in (1, -1):
            for k in range(len(posts) - 1):
                if blind and k:
                    continue
                p, q = posts[k] + 0.015, posts[k + 1] - 0.015
                ends = (
                    [foot + (rear - foot) * p, foot + (rear - foot) * q],
                    [front + (back - front) * p, front + (back - front) * q],
                )
                row = [
                    [ends[0][0], side * low, z + 0.04],
                    [ends[0][1], side * low, z + 0.04],
                    [ends[1][1], side * high, top],
                    [ends[1][0], side * high, top],
                ]
                pane(*(row if side > 0 else [row[1], row[0], row[3], row[2]]), 0.02, 0.08, 0.7)
        # The dashboard under the glass, the wipers, the black rim.
        dash = screen[:2] * 0.75 + screen[[3, 2]] * 0.25
        view.line(self.world([screen[0], screen[1]]), glass * 0.5, 0.07)
        if chance.random() < 0.5:
            view.line(self.world(dash * [1, 0.8, 1]), glass * 1.5 + 12, 0.06)
        for y in (-0.35, 0.15):
            view.line(self.world([[foot, y, z + 0.05], [foot - 0.1, y + 0.5, z + 0.12]]), (12, 12, 13), 0.02)
        view.loft(self.cabin[1:], (24, 25, 28) if chance.random() < 0.06 else self.paint, gloss)

    def trim(self, view, gloss):
        """Mirrors, and on the roof: rails, sunroof, ribs, aerial."""
        chance, (foot, front, back, _) = self.chance, self.marks
        for side in (1, -1):
            x, y, z = foot - 0.18, side * (self.width / 2 + 0.07), self.belt + 0.02
            flat = outline(0.2, 0.24, 0.3, 3) + [x, y]
            view.loft(
                self.world(
                    [
                        np.column_stack([flat, np.full(48, z)]),
                        np.column_stack([flat, np.full(48, z + 0.13)]),
                        np.column_stack([flat * 0.2 + np.array([x, y]) * 0.8, np.full(48, z + 0.16)]),
                    ]
                )[:, ::3],
                self.paint if chance.random() < 0.7 else (25, 25, 26),
                gloss * 0.5,
            )
        top, long = self.height + 0.04, front - back
        if chance.random() < 0.22:
            a, b, w = front - 0.12, front - chance.uniform(0.35, 0.75) * long, self.high * 0.72
            view.patch(self.world([[b, w, top], [b, -w, top], [a, -w, top], [a, w, top]]), (22, 25, 28), 1.6, bulge=0.02)
        rails = chance.random() < (0.5 if self.kind in ("estate", "suv") else 0.15)
        for side in (1, -1):
            line = self.world(
                [[front - 0.1, side * self.high * 0.88, top - 0.02], [back + 0.1, side * self.high * 0.88, top - 0.02]]
            )
            view.line(
                line,
                np.array([30, 30, 32])
                if chance.random() < 0.5 or not rails
                else np.array([170, 172, 175]) * view.light["ambient"],
                0.05 if rails else 0.015,
            )
        if self.kind == "van":
            for x in np.arange(back + 0.3, front - 0.2, 0.45):
                view.line(
                    self.world([[x, -self.high * 0.7, top], [x, self.high * 0.7, top]]),
                    self.paint * view.light["ambient"] * 0.82,
                    0.03,
                )
        if chance.random() < 0.45:
            view.line(self.world([[back + 0.15, 0, top], [back - 0.05, 0, top + 0.25]]), (18, 18, 19), 0.03)
