// One zone and one line made ready to be looked at a million times, and what is remembered of an object for each: a zone
// is entered and left, a line is crossed, both only when `inertia` looks in a row agree and beyond `margin` (a Schmitt
// trigger: O. H. Schmitt, "A thermionic trigger", 1938). Pure. Looks allocate nothing.
import { anchorX, anchorY, flatten, insidePolygon, squaredDistanceToEdge } from './geometry.ts';
import { Polyline } from './polyline.ts';
import type { Line, Zone } from './rule-types.ts';
import type { Box } from './types.ts';

/** What is remembered of one object for one zone. */
export interface Stay {
  inside: boolean;
  /** Looks in a row that speak against it. */
  against: number;
}

export class ZoneWatch {
  readonly zone: Zone;
  readonly #corners: Float64Array;
  readonly #squaredMargin: number;
  /** Beyond these an anchor is outside, and the margin away. */
  #left = Number.POSITIVE_INFINITY;
  #right = Number.NEGATIVE_INFINITY;
  #top = Number.POSITIVE_INFINITY;
  #bottom = Number.NEGATIVE_INFINITY;

  constructor(zone: Zone) {
    this.zone = zone;
    this.#corners = flatten(zone.points);
    this.#squaredMargin = zone.margin ** 2;
    for (const [x, y] of zone.points) {
      this.#left = Math.min(this.#left, x - zone.margin);
      this.#right = Math.max(this.#right, x + zone.margin);
      this.#top = Math.min(this.#top, y - zone.margin);
      this.#bottom = Math.max(this.#bottom, y + zone.margin);
    }
  }

  /** The first look decides at once. */
  begin(box: Box): Stay {
    return { inside: this.#contains(anchorX(box), anchorY(box, this.zone.anchor)), against: 0 };
  }

  /** True when the object has entered or left with this look. */
  look(stay: Stay, box: Box): boolean {
    const x = anchorX(box);
    const y = anchorY(box, this.zone.anchor);
    if (stay.inside ? !this.#isOff(x, y) : !this.#contains(x, y)) {
      stay.against = 0;
      return false;
    }
    stay.against += 1;
    if (stay.against < this.zone.inertia) return false;
    stay.inside = !stay.inside;
    stay.against = 0;
    return true;
  }

  #isFar(x: number, y: number): boolean {
    return x < this.#left || x > this.#right || y < this.#top || y > this.#bottom;
  }

  #contains(x: number, y: number): boolean {
    return !this.#isFar(x, y) && insidePolygon(x, y, this.#corners);
  }

  /** Outside, and the margin away from the edge. */
  #isOff(x: number, y: number): boolean {
    if (this.#isFar(x, y)) return true;
    if (insidePolygon(x, y, this.#corners)) return false;
    return squaredDistanceToEdge(x, y, this.#corners) >= this.#squaredMargin;
  }
}

/** What is remembered of one object for one line. */
export interface Passage {
  /** LEFT or RIGHT where it has settled; 0 while it has only been seen within the margin. */
  side: number;
  /** Looks in a row on the other side. */
  against: number;
  /** Its way since it was last seen settled goes through the line an odd number of times. */
  isThrough: boolean;
}

export class LineWatch {
  readonly line: Line;
  readonly #polyline: Polyline;
  readonly #squaredMargin: number;

  constructor(line: Line) {
    this.line = line;
    this.#polyline = new Polyline(line.points);
    this.#squaredMargin = line.margin ** 2;
  }

  /** The first look decides at once, if it is beyond the margin. */
  begin(box: Box): Passage {
    return { side: this.#sideOf(anchorX(box), anchorY(box, this.line.anchor)), against: 0, isThrough: false };
  }

  /**
   * True when the object has settled on the other side with this look, and its way there, from look to look, goes through
   * the line itself: who walks around its end settles there too, but has crossed nothing. `last` is where it was seen last.
   */
  look(passage: Passage, last: Box, box: Box): boolean {
    const { anchor, inertia } = this.line;
    const x = anchorX(box);
    const y = anchorY(box, anchor);
    const side = this.#sideOf(x, y);
    if (this.#polyline.isCrossedBy(anchorX(last), anchorY(last, anchor), x, y)) {
      passage.isThrough = !passage.isThrough;
    }
    if (side === 0 || side === passage.side) {
      passage.against = 0;
      if (side !== 0) passage.isThrough = false;
      return false;
    }
    passage.against += 1;
    if (passage.side !== 0 && passage.against < inertia) return false;
    const hasCrossed = passage.side !== 0 && passage.isThrough;
    passage.side = side;
    passage.against = 0;
    passage.isThrough = false;
    return hasCrossed;
  }

  /** Its side beyond the margin, else 0. */
  #sideOf(x: number, y: number): number {
    const side = this.#polyline.sideOf(x, y);
    return this.#polyline.squaredDistance > this.#squaredMargin ? side : 0;
  }
}
