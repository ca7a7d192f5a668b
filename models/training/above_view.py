"""A camera over a plane, and what is drawn with it: shaded shells, patches, lines; outlines that are placed and cut."""

import numpy as np

# Drawn this many times larger, then reduced.
FINE = 2
TURN = np.linspace(0, 2 * np.pi, 49)[:-1]


def tile(chance, power):
    """256x256 of noise that wraps, mean 0, deviation 1; the power is how fast fine detail fades."""
    fy, fx = np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256), indexing="ij")
    strength = np.hypot(fx, fy)
    strength[0, 0] = 1
    noise = np.fft.ifft2(np.fft.fft2(chance.normal(size=(256, 256))) / strength**power).real
    return ((noise - noise.mean()) / noise.std()).astype(np.float32)


def hull(points):
    """Convex hull of [N,2], in order."""
    points = sorted(map(tuple, points))
    halves = []
    for row in (points, points[::-1]):
        half = []
        for p in row:
            while len(half) > 1 and (half[-1][0] - half[-2][0]) * (p[1] - half[-2][1]) <= (half[-1][1] - half[-2][1]) * (
                p[0] - half[-2][0]
            ):
                half.pop()
            half.append(p)
        halves += half[:-1]
    return np.array(halves)


def clipped(polygon, width, height):
    """The part of a convex polygon inside the picture."""
    for axis, limit, sign in ((0, 0, 1), (0, width, -1), (1, 0, 1), (1, height, -1)):
        kept = []
        for p, q in zip(polygon, np.roll(polygon, -1, 0)):
            a, b = sign * (p[axis] - limit), sign * (q[axis] - limit)
            if a >= 0:
                kept.append(p)
            if a * b < 0:
                kept.append(p + (q - p) * (a / (a - b)))
        polygon = np.array(kept)
        if len(kept) < 3:
            return None
    return polygon


def area(polygons):
    """Signed areas of [...,N,2]; what faces the camera is negative."""
    x, y = polygons[..., 0], polygons[..., 1]
    return 0.5 * (x * np.roll(y, -1, -1) - np.roll(x, -1, -1) * y).sum(-1)


class View:
    """A camera over the ground plane z = 0 (metres, looking at the origin), the light, and the picture being drawn."""

    def __init__(self, chance, size, light):
        self.chance, self.size, self.light = chance, size, light
        tilt = np.radians(chance.uniform(0, 35) if chance.random() < 0.75 else chance.uniform(0, 10))
        roll = np.radians(chance.normal(0, 5))
        self.focal = size[0] / 2 / np.tan(np.radians(chance.uniform(32, 75)) / 2)
        share = np.exp(chance.uniform(np.log(0.08), np.log(0.72)))
        self.distance = max(4.4 * self.focal / (share * size[0]), 4.5)
        self.metre = self.focal / self.distance
        forward, up = np.array([0, np.sin(tilt), -np.cos(tilt)]), np.array([0, np.cos(tilt), np.sin(tilt)])
        right = np.array([1.0, 0, 0])
        self.forward = forward
        self.right, self.up = right * np.cos(roll) + up * np.sin(roll), up * np.cos(roll) - right * np.sin(roll)
        self.eye = -forward * self.distance
        self.draw = None

    def project(self, points, fine=FINE):
        d = np.asarray(points, float) - self.eye
        depth = np.maximum(d @ self.forward, 0.3)
        x, y = self.size[0] / 2 + self.focal * (d @ self.right) / depth, self.size[1] / 2 - self.focal * (d @ self.up) / depth
        return np.stack([x, y], -1) * fine

    def ground(self, x, y):
        """Where on the ground the pixels lie."""
        a, b = (np.asarray(x) - self.size[0] / 2) / self.focal, (self.size[1] / 2 - np.asarray(y)) / self.focal
        ray = [self.forward[k] + a * self.right[k] + b * self.up[k] for k in range(3)]
        reach = self.eye[2] / -ray[2]
        return self.eye[0] + reach * ray[0], self.eye[1] + reach * ray[1]

    def polygon(self, points, colour, both=True):
        """A flat one; with both=False only if its face is towards the camera."""
        flat = self.project(points)
        if both or area(flat) < 0:
            self.draw.polygon(flat.ravel().tolist(), fill=tuple(int(v) for v in np.clip(colour, 0, 255)))

    def line(self, points, colour, metres):
        width = max(1, round(metres * self.metre * FINE))
        self.draw.line(
            self.project(points).ravel().tolist(), fill=tuple(int(v) for v in np.clip(colour, 0, 255)), width=width, joint="curve"
        )

    def shade(self, quads, colour, gloss):
        """Colours of quads [N,4,3]: diffuse light, the sky's reflection, and the sun's."""
        normal = np.cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1])
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
        gaze = self.eye - quads.mean(1)
        gaze /= np.linalg.norm(gaze, axis=1, keepdims=True)
        facing = (normal * gaze).sum(1).clip(0, 1)
        mirrored = 2 * facing[:, None] * normal - gaze
        light = self.light
        diffuse = light["ambient"] * (0.5 + 0.5 * normal[:, 2].clip(0)) + light["power"] * (normal @ light["sun"]).clip(0)
        # The sky is brighter on one side, and dark where the reflection meets the ground.
        sky = (
            (0.05 + 0.5 * (1 - facing) ** 3)
            * (0.75 + 0.5 * (mirrored @ light["bright"]))
            * (mirrored[:, 2] * 2 + 0.3).clip(0.1, 1)
        )
        spark = light["power"] * (0.25 * (mirrored @ light["sun"]).clip(0) ** 12 + 1.2 * (mirrored @ light["sun"]).clip(0) ** 90)
        return np.asarray(colour) * diffuse[:, None] + gloss * (sky[:, None] * light["sky"] + 200 * spark[:, None])

    def quads(self, quads, colour, gloss=0.0):
        flat = self.project(quads)
        seen = area(flat) < -0.02
        # Grown by a hair, so that no seam shows between neighbours.
        flat, colours = flat[seen], np.clip(self.shade(quads[seen], colour, gloss), 0, 255).astype(int).tolist()
        for points, fill in zip(flat.reshape(-1, 8).tolist(), colours):
            self.draw.polygon(points, fill=tuple(fill), outline=tuple(fill))

    def loft(self, rings, colour, gloss=0.0):
        """The skin between rings [K,N,3], the lowest first."""
        nexts = np.roll(rings, -1, 1)
        for k in range(len(rings) - 1):
            self.quads(np.stack([rings[k], nexts[k], nexts[k + 1], rings[k + 1]], 1), colour, gloss)

    def patch(self, corners, colour, gloss, across=5, along=4, bulge=0.0):
        """A bent rectangle: corners low left, low right, high right, high left, seen from outside."""
        a, b, c, d = np.asarray(corners, float)
        u, v = np.linspace(0, 1, across + 1)[None, :, None], np.linspace(0, 1, along + 1)[:, None, None]
        grid = (a * (1 - u) + b * u) * (1 - v) + (d * (1 - u) + c * u) * v
        normal = np.cross(b - a, d - a)
        grid = grid + normal / (np.linalg.norm(normal) + 1e-9) * (bulge * 4 * u * (1 - u))
        self.quads(np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]], 2).reshape(-1, 4, 3), colour, gloss)


def placed(points, at, heading):
    """From an object's own frame (x to its front) to the ground's."""
    points, (c, s) = np.asarray(points, float), (np.cos(heading), np.sin(heading))
    return np.stack(
        [at[0] + points[..., 0] * c - points[..., 1] * s, at[1] + points[..., 0] * s + points[..., 1] * c, points[..., 2]], -1
    )


def outline(length, width, taper, square=5.0):
    """Rounded rectangle [N,2], narrower at the front; starts at the nose, goes by the left side."""
    c, s = np.cos(TURN), np.sin(TURN)
    x, y = np.sign(c) * np.abs(c) ** (2 / square), np.sign(s) * np.abs(s) ** (2 / square)
    y = y * (1 - taper * ((x - 0.35) / 0.65).clip(0) ** 2 - 0.4 * taper * ((-x - 0.5) / 0.5).clip(0) ** 2)
    # The nose and the tail bow out a little.
    return np.stack([x * length / 2 * (1 - 0.05 * y**2 * np.abs(x) ** 6), y * width / 2], 1)
