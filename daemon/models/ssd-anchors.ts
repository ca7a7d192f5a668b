// Default boxes ("anchors") of SSD heads, as the two families of exports place them; both give centres and sizes in 0..1 of the
// picture, in the order of the head's outputs. Pure. Sources: Liu et al., SSD (2016), section 2.2; create_ssd_anchors and
// grid_anchor_generator of the TensorFlow Object Detection API; DefaultBoxGenerator of torchvision.

/** Cells of a feature map, or pixels of a picture. */
export interface MapSize {
  readonly width: number;
  readonly height: number;
}

/** Four numbers a box: centre x, centre y, width, height. */
export type Anchors = Float64Array<ArrayBuffer>;

export interface TensorflowAnchors {
  readonly scaleMin: number;
  readonly scaleMax: number;
  readonly ratios: readonly number[];
  /** One more square box between the scales of two maps. */
  readonly hasInterpolated: boolean;
  /** The first map has three boxes only, the smallest of half the least scale. */
  readonly reducesLowest: boolean;
}

/** What the pipelines of ssd_mobilenet_v1, v2 and ssdlite_mobilenet_v2, v3 of the model zoo say. */
export const TENSORFLOW_SSD: TensorflowAnchors = {
  scaleMin: 0.2,
  scaleMax: 0.95,
  ratios: [1, 2, 0.5, 3, 0.3333],
  hasInterpolated: true,
  reducesLowest: true,
};

export interface TorchvisionAnchors {
  readonly scaleMin: number;
  readonly scaleMax: number;
  /** Beside 1, each also turned. */
  readonly ratios: readonly number[];
  /** Sizes above 1 become 1. */
  readonly clips: boolean;
}

/** What ssdlite320_mobilenet_v3_large says. */
export const TORCHVISION_SSDLITE: TorchvisionAnchors = {
  scaleMin: 0.2,
  scaleMax: 0.95,
  ratios: [2, 3],
  clips: true,
};

/** Boxes of one place: width and height. */
type Shapes = readonly (readonly [number, number])[];

/** Scales of the maps, evenly spaced; one more, 1, for what lies beyond the last. */
function scalesOf(count: number, min: number, max: number): number[] {
  const step = count === 1 ? 0 : (max - min) / (count - 1);
  return [...Array.from({ length: count }, (_, at) => min + step * at), 1];
}

/**
 * Anchors of maps of the TensorFlow API, the finest first. Scales are parts of the picture's shorter side, so that square boxes are square
 * in pixels (base_anchor_size in MultipleGridAnchorGenerator); torchvision's are parts of each side.
 */
export function tensorflowAnchors(
  maps: readonly MapSize[],
  picture: MapSize,
  how: TensorflowAnchors,
): Anchors {
  const scales = scalesOf(maps.length, how.scaleMin, how.scaleMax);
  const shorter = Math.min(picture.width, picture.height);
  const [wide, high] = [shorter / picture.width, shorter / picture.height];
  const shapes = maps.map((_, at): Shapes => {
    const scale = scales[at]!;
    const shape = (size: number, ratio: number): [number, number] => [
      size * Math.sqrt(ratio) * wide,
      (size / Math.sqrt(ratio)) * high,
    ];
    if (at === 0 && how.reducesLowest) return [shape(0.1, 1), shape(scale, 2), shape(scale, 0.5)];
    const own = how.ratios.map((ratio) => shape(scale, ratio));
    return how.hasInterpolated ? [...own, shape(Math.sqrt(scale * scales[at + 1]!), 1)] : own;
  });
  return tile(maps, shapes);
}

/** Anchors of torchvision's maps, the finest first. */
export function torchvisionAnchors(maps: readonly MapSize[], how: TorchvisionAnchors): Anchors {
  const scales = scalesOf(maps.length, how.scaleMin, how.scaleMax);
  const cut = (size: number): number => (how.clips ? Math.min(1, size) : size);
  const shapes = maps.map((_, at): Shapes => {
    const scale = scales[at]!;
    const between = Math.sqrt(scale * scales[at + 1]!);
    const turned = how.ratios.flatMap((ratio): [number, number][] => {
      const root = Math.sqrt(ratio);
      return [
        [scale * root, scale / root],
        [scale / root, scale * root],
      ];
    });
    const all: [number, number][] = [[scale, scale], [between, between], ...turned];
    return all.map(([width, height]) => [cut(width), cut(height)]);
  });
  return tile(maps, shapes);
}

/** Boxes a map has at each place. */
export function perPlace(family: 'tensorflow' | 'torchvision', map: number): number {
  return family === 'tensorflow' && map === 0 ? 3 : 6;
}

/** Row after row, place after place, shape after shape. */
function tile(maps: readonly MapSize[], shapes: readonly Shapes[]): Anchors {
  const count = maps.reduce((sum, { width, height }, at) => sum + width * height * shapes[at]!.length, 0);
  const anchors = new Float64Array(count * 4);
  let to = 0;
  maps.forEach(({ width, height }, at) => {
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        for (const shape of shapes[at]!) {
          anchors.set([(x + 0.5) / width, (y + 0.5) / height, ...shape], to);
          to += 4;
        }
      }
    }
  });
  return anchors;
}
