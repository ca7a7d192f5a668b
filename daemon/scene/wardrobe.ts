// Who walks by: build, skin, hair and clothes, drawn by lot from believable colours. Pure, any thread.
import { type Rgb, reflectance } from './light.ts';
import type { Random } from './random.ts';

/** How a person looks, for all of one appearance. Lengths in metres, colours as linear reflectance. */
export interface Look {
  readonly height: number;
  /** Girth of body and limbs, 1 is average. */
  readonly girth: number;
  readonly skin: Rgb;
  readonly hair: Rgb;
  readonly hairStyle: 'short' | 'long' | 'bald' | 'cap' | 'hood';
  readonly top: Rgb;
  readonly topSecond: Rgb;
  /** As Tube.pattern. */
  readonly topPattern: number;
  readonly sleeves: 'long' | 'short';
  readonly legs: Rgb;
  readonly legWear: 'trousers' | 'shorts' | 'skirt';
  readonly coat: boolean;
  readonly shoes: Rgb;
  readonly shoeSole: Rgb;
  readonly carries: 'nothing' | 'backpack' | 'bag' | 'parcel';
  readonly bag: Rgb;
  /** Shifts folds and patterns. */
  readonly offset: number;
}

const SKINS = [0xe8bfa2, 0xd9a784, 0xc68f6a, 0xa06b48, 0x7a4c33, 0xf0cdb4].map(reflectance);
const HAIRS = [0x2a1d16, 0x3a2a1e, 0x553a24, 0x7d5a34, 0x1a1614, 0x8c8680, 0xa6864f].map(reflectance);
const TOPS = [
  0x1f3a6e, 0x7c1f24, 0x24262b, 0xd8d4cc, 0x3f6b3f, 0x8a2f5a, 0x4b4f57, 0xc8a23c, 0x2f6f86, 0xb5452c,
  0xe4e4e8, 0x5b3f7a,
].map(reflectance);
const LEGS = [0x2a3550, 0x1d2027, 0x3c4a66, 0x55524c, 0x7a6a50, 0x25282c, 0x46566f].map(reflectance);
const SHOES = [0x1c1a19, 0x4a3526, 0xd0cfcb, 0x35383c, 0x6b2a22].map(reflectance);
const COATS = [0x2c3038, 0x4a3b30, 0x3a4a3c, 0x5b2430, 0x6b6256, 0x27324a].map(reflectance);
const BAGS = [0x26303a, 0x6e4a2c, 0x8c2b2b, 0x3a4a34].map(reflectance);
const PARCEL = reflectance(0xb58a5a);

/** A person by lot. `courier` carries a parcel and never wears a skirt. */
export function drawLook(random: Random, courier: boolean): Look {
  const woman = random.chance(0.5);
  const shirt = random.pick(TOPS);
  const coatColour = random.pick(COATS);
  const hairRoll = random.next();
  const hairStyle =
    hairRoll < 0.12 ? 'cap' : hairRoll < 0.2 ? 'hood' : woman ? 'long' : hairRoll < 0.28 ? 'bald' : 'short';
  const wearRoll = random.next();
  const legWear = woman && !courier && wearRoll < 0.2 ? 'skirt' : wearRoll > 0.85 ? 'shorts' : 'trousers';
  const carryRoll = random.next();
  const carries = courier ? 'parcel' : carryRoll < 0.2 ? 'backpack' : carryRoll < 0.38 ? 'bag' : 'nothing';
  const patternRoll = random.next();
  const coat = legWear === 'trousers' && random.chance(0.25);
  return {
    height: woman ? random.range(1.6, 1.76) : random.range(1.7, 1.88),
    girth: random.range(1.1, 1.32),
    skin: random.pick(SKINS),
    hair: random.pick(HAIRS),
    hairStyle,
    top: coat ? coatColour : shirt,
    topSecond: random.pick(TOPS),
    topPattern: coat ? 0 : patternRoll < 0.1 ? 1 : patternRoll < 0.16 ? 2 : patternRoll < 0.46 ? 3 : 0,
    sleeves: !coat && (legWear === 'shorts' || random.chance(0.3)) ? 'short' : 'long',
    legs: random.pick(LEGS),
    legWear,
    coat,
    shoes: random.pick(SHOES),
    shoeSole: random.pick(SHOES),
    carries,
    bag: carries === 'parcel' ? PARCEL : random.pick(BAGS),
    offset: random.index(256),
  };
}
