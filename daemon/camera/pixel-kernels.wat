;; Loops over pixels, up to 16 at a time (WebAssembly SIMD): what pixel-kernels.ts loads. `npm run kernels` makes
;; pixel-kernels.wasm of it; `npm run check` says when the two are not in step.
;; Addresses and lengths are bytes. Tables and planes are the caller's. Whole vectors are read and written, beyond the end of
;; a row and of a plane: that must be free (pixel-kernels.ts).
(module
  (memory (export "memory") 1)

  ;; Adds `four` numbers, and those before each of them, to the last of `total`.
  (func $added (param $four v128) (param $total v128) (result v128)
    (local.set $four (i32x4.add (local.get $four)
      (i8x16.shuffle 0 0 0 0 16 17 18 19 20 21 22 23 24 25 26 27 (v128.const i32x4 0 0 0 0) (local.get $four))))
    (local.set $four (i32x4.add (local.get $four)
      (i8x16.shuffle 0 0 0 0 0 0 0 0 16 17 18 19 20 21 22 23 (v128.const i32x4 0 0 0 0) (local.get $four))))
    (i32x4.add (local.get $four)
      (i8x16.shuffle 12 13 14 15 12 13 14 15 12 13 14 15 12 13 14 15 (local.get $total) (local.get $total))))

  ;; Sums of `rows` rows of bytes, at most 256, and of the columns before each: 32 bit, of none, of the first, of the first two,
  ;; ...; whole vectors.
  (func $running_sums (param $from i32) (param $stride i32) (param $rows i32) (param $width i32) (param $to i32)
    (local $end i32) (local $at i32) (local $left i32) (local $bytes v128) (local $low v128) (local $high v128)
    (local $total v128)
    (local.set $end (i32.add (local.get $from) (local.get $width)))
    (i32.store (local.get $to) (i32.const 0))
    (loop $columns
      (local.set $bytes (v128.load (local.get $from)))
      (local.set $low (i16x8.extend_low_i8x16_u (local.get $bytes)))
      (local.set $high (i16x8.extend_high_i8x16_u (local.get $bytes)))
      (local.set $at (local.get $from))
      (local.set $left (i32.sub (local.get $rows) (i32.const 1)))
      (block $done
        (loop $down
          (br_if $done (i32.eqz (local.get $left)))
          (local.set $at (i32.add (local.get $at) (local.get $stride)))
          (local.set $bytes (v128.load (local.get $at)))
          (local.set $low (i16x8.add (local.get $low) (i16x8.extend_low_i8x16_u (local.get $bytes))))
          (local.set $high (i16x8.add (local.get $high) (i16x8.extend_high_i8x16_u (local.get $bytes))))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br $down)))
      (local.set $total (call $added (i32x4.extend_low_i16x8_u (local.get $low)) (local.get $total)))
      (v128.store offset=4 (local.get $to) (local.get $total))
      (local.set $total (call $added (i32x4.extend_high_i16x8_u (local.get $low)) (local.get $total)))
      (v128.store offset=20 (local.get $to) (local.get $total))
      (local.set $total (call $added (i32x4.extend_low_i16x8_u (local.get $high)) (local.get $total)))
      (v128.store offset=36 (local.get $to) (local.get $total))
      (local.set $total (call $added (i32x4.extend_high_i16x8_u (local.get $high)) (local.get $total)))
      (v128.store offset=52 (local.get $to) (local.get $total))
      (local.set $to (i32.add (local.get $to) (i32.const 64)))
      (local.set $from (i32.add (local.get $from) (i32.const 16)))
      (br_if $columns (i32.lt_u (local.get $from) (local.get $end)))))

  ;; Box filter. `rows`: for each target row the first source row and the one after the last, 32 bit each. `starts`, `ends`:
  ;; for each target column four times the first source column and four times the one after the last, 32 bit each, and
  ;; `parts`: 1 / their number, float; whole vectors. Quotients come a hair too large, so that whole numbers stay whole: right
  ;; for up to 3000 pixels that become one. `scratch`: four bytes a column of the source, whole vectors of 16 columns, and 16.
  (func (export "shrink")
    (param $from i32) (param $stride i32) (param $fromWidth i32) (param $rows i32) (param $height i32)
    (param $starts i32) (param $ends i32) (param $parts i32) (param $width i32) (param $scratch i32) (param $to i32)
    (local $sums i32) (local $row i32) (local $count i32) (local $at i32) (local $x i32)
    (local $start v128) (local $end v128) (local $part v128) (local $half v128) (local $pixels v128)
    ;; So that vectors behind the first number lie on multiples of 16.
    (local.set $sums (i32.add (local.get $scratch) (i32.const 12)))
    (loop $down
      (local.set $count (i32.sub (i32.load offset=4 (local.get $rows)) (i32.load (local.get $rows))))
      (call $running_sums
        (i32.add (local.get $from) (i32.mul (i32.load (local.get $rows)) (local.get $stride)))
        (local.get $stride) (local.get $count) (local.get $fromWidth) (local.get $sums))
      (local.set $part (f32x4.splat (f32.div (f32.const 1.000001) (f32.convert_i32_u (local.get $count)))))
      (local.set $x (i32.const 0))
      (loop $across
        (local.set $at (i32.shl (local.get $x) (i32.const 2)))
        (local.set $start (v128.load (i32.add (local.get $starts) (local.get $at))))
        (local.set $end (v128.load (i32.add (local.get $ends) (local.get $at))))
        (local.set $half (i32x4.shr_u
          (i32x4.mul (i32x4.sub (local.get $end) (local.get $start)) (i32x4.splat (local.get $count))) (i32.const 3)))
        (local.set $pixels (i32x4.add (local.get $half)
          (i32x4.sub
            (v128.load32_lane 3 (i32.add (local.get $sums) (i32.load offset=12 (i32.add (local.get $ends) (local.get $at))))
              (v128.load32_lane 2 (i32.add (local.get $sums) (i32.load offset=8 (i32.add (local.get $ends) (local.get $at))))
              (v128.load32_lane 1 (i32.add (local.get $sums) (i32.load offset=4 (i32.add (local.get $ends) (local.get $at))))
              (v128.load32_zero (i32.add (local.get $sums) (i32.load (i32.add (local.get $ends) (local.get $at))))))))
            (v128.load32_lane 3 (i32.add (local.get $sums) (i32.load offset=12 (i32.add (local.get $starts) (local.get $at))))
              (v128.load32_lane 2 (i32.add (local.get $sums) (i32.load offset=8 (i32.add (local.get $starts) (local.get $at))))
              (v128.load32_lane 1 (i32.add (local.get $sums) (i32.load offset=4 (i32.add (local.get $starts) (local.get $at))))
              (v128.load32_zero (i32.add (local.get $sums) (i32.load (i32.add (local.get $starts) (local.get $at)))))))))))
        (local.set $pixels (i32x4.trunc_sat_f32x4_u
          (f32x4.mul (f32x4.convert_i32x4_u (local.get $pixels))
            (f32x4.mul (local.get $part) (v128.load (i32.add (local.get $parts) (local.get $at)))))))
        (local.set $pixels (i16x8.narrow_i32x4_u (local.get $pixels) (local.get $pixels)))
        (v128.store32_lane 0 (i32.add (local.get $to) (local.get $x))
          (i8x16.narrow_i16x8_u (local.get $pixels) (local.get $pixels)))
        (local.set $x (i32.add (local.get $x) (i32.const 4)))
        (br_if $across (i32.lt_u (local.get $x) (local.get $width))))
      (local.set $to (i32.add (local.get $to) (local.get $width)))
      (local.set $rows (i32.add (local.get $rows) (i32.const 8)))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br_if $down (i32.lt_u (local.get $row) (local.get $height)))))

  ;; Between two rows of bytes; `weight` of the second, of 256.
  (func $between_rows (param $first i32) (param $second i32) (param $weight i32) (param $width i32) (param $into i32)
    (local $x i32) (local $a v128) (local $b v128) (local $upper v128) (local $lower v128) (local $half v128)
    (local.set $lower (i16x8.splat (local.get $weight)))
    (local.set $upper (i16x8.splat (i32.sub (i32.const 256) (local.get $weight))))
    (local.set $half (i16x8.splat (i32.const 128)))
    (loop $columns
      (local.set $a (v128.load (i32.add (local.get $first) (local.get $x))))
      (local.set $b (v128.load (i32.add (local.get $second) (local.get $x))))
      (v128.store (i32.add (local.get $into) (local.get $x))
        (i8x16.narrow_i16x8_u
          (i16x8.shr_u
            (i16x8.add
              (i16x8.add
                (i16x8.mul (i16x8.extend_low_i8x16_u (local.get $a)) (local.get $upper))
                (i16x8.mul (i16x8.extend_low_i8x16_u (local.get $b)) (local.get $lower)))
              (local.get $half))
            (i32.const 8))
          (i16x8.shr_u
            (i16x8.add
              (i16x8.add
                (i16x8.mul (i16x8.extend_high_i8x16_u (local.get $a)) (local.get $upper))
                (i16x8.mul (i16x8.extend_high_i8x16_u (local.get $b)) (local.get $lower)))
              (local.get $half))
            (i32.const 8))))
      (local.set $x (i32.add (local.get $x) (i32.const 16)))
      (br_if $columns (i32.lt_u (local.get $x) (local.get $width)))))

  ;; Bilinear. `rows`: for each target row the first of the two source rows and the weight of the second, of 256; 32 bit
  ;; each. `starts`: for each target column the first of the two source columns, 32 bit each, and `weights`: of 256, of the
  ;; first and of the second, 16 bit each; whole vectors. `scratch`: a row of the source, whole vectors.
  (func (export "enlarge")
    (param $from i32) (param $stride i32) (param $fromWidth i32) (param $rows i32) (param $height i32)
    (param $starts i32) (param $weights i32) (param $width i32) (param $scratch i32) (param $to i32)
    (local $row i32) (local $start i32) (local $x i32) (local $at i32) (local $pairs v128)
    (loop $down
      (local.set $start (i32.add (local.get $from) (i32.mul (i32.load (local.get $rows)) (local.get $stride))))
      (call $between_rows
        (local.get $start) (i32.add (local.get $start) (local.get $stride)) (i32.load offset=4 (local.get $rows))
        (local.get $fromWidth) (local.get $scratch))
      (local.set $x (i32.const 0))
      (loop $across
        (local.set $at (i32.add (local.get $starts) (i32.shl (local.get $x) (i32.const 2))))
        (local.set $pairs (i16x8.extend_low_i8x16_u
          (v128.load16_lane 3 (i32.add (local.get $scratch) (i32.load offset=12 (local.get $at)))
            (v128.load16_lane 2 (i32.add (local.get $scratch) (i32.load offset=8 (local.get $at)))
              (v128.load16_lane 1 (i32.add (local.get $scratch) (i32.load offset=4 (local.get $at)))
                (v128.load16_lane 0 (i32.add (local.get $scratch) (i32.load (local.get $at))) (v128.const i32x4 0 0 0 0)))))))
        (local.set $pairs (i32x4.shr_u
          (i32x4.add
            (i32x4.dot_i16x8_s (local.get $pairs)
              (v128.load (i32.add (local.get $weights) (i32.shl (local.get $x) (i32.const 2)))))
            (i32x4.splat (i32.const 128)))
          (i32.const 8)))
        (local.set $pairs (i16x8.narrow_i32x4_u (local.get $pairs) (local.get $pairs)))
        (v128.store32_lane 0 (i32.add (local.get $to) (local.get $x))
          (i8x16.narrow_i16x8_u (local.get $pairs) (local.get $pairs)))
        (local.set $x (i32.add (local.get $x) (i32.const 4)))
        (br_if $across (i32.lt_u (local.get $x) (local.get $width))))
      (local.set $to (i32.add (local.get $to) (local.get $width)))
      (local.set $rows (i32.add (local.get $rows) (i32.const 8)))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br_if $down (i32.lt_u (local.get $row) (local.get $height)))))

  ;; One channel of 16 pixels, cut at 0 and 255: brightness of four times 4 and what the colour of 8 pairs adds, 16.16.
  (func $channel
    (param $a v128) (param $b v128) (param $c v128) (param $d v128) (param $low v128) (param $high v128) (result v128)
    (i8x16.narrow_i16x8_u
      (i16x8.narrow_i32x4_s
        (i32x4.shr_s
          (i32x4.add (local.get $a)
            (i8x16.shuffle 0 1 2 3 0 1 2 3 4 5 6 7 4 5 6 7 (local.get $low) (local.get $low)))
          (i32.const 16))
        (i32x4.shr_s
          (i32x4.add (local.get $b)
            (i8x16.shuffle 8 9 10 11 8 9 10 11 12 13 14 15 12 13 14 15 (local.get $low) (local.get $low)))
          (i32.const 16)))
      (i16x8.narrow_i32x4_s
        (i32x4.shr_s
          (i32x4.add (local.get $c)
            (i8x16.shuffle 0 1 2 3 0 1 2 3 4 5 6 7 4 5 6 7 (local.get $high) (local.get $high)))
          (i32.const 16))
        (i32x4.shr_s
          (i32x4.add (local.get $d)
            (i8x16.shuffle 8 9 10 11 8 9 10 11 12 13 14 15 12 13 14 15 (local.get $high) (local.get $high)))
          (i32.const 16)))))

  ;; gain times (code less 16) of four pixels.
  (func $bright (param $codes v128) (param $gain v128) (result v128)
    (i32x4.mul (i32x4.sub (local.get $codes) (i32x4.splat (i32.const 16))) (local.get $gain)))

  ;; A row of I420 to three colours, each pair of pixels sharing its u and v. The factors are 16.16. `apart`: 0, and the
  ;; colours of a pixel follow each other; else the bytes from one colour's row to the next one's.
  (func (export "colour")
    (param $luma i32) (param $u i32) (param $v i32) (param $width i32) (param $to i32) (param $apart i32)
    (param $gain i32) (param $redOfV i32) (param $greenOfU i32) (param $greenOfV i32) (param $blueOfU i32) (param $swap i32)
    (local $x i32) (local $y v128) (local $half v128) (local $du v128) (local $dv v128) (local $gains v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $u0 v128) (local $u1 v128) (local $v0 v128) (local $v1 v128)
    (local $rounding v128) (local $red v128) (local $green v128) (local $blue v128)
    (local $red0 v128) (local $red1 v128) (local $red2 v128) (local $green0 v128) (local $green1 v128) (local $green2 v128)
    (local $blue0 v128) (local $blue1 v128) (local $blue2 v128)
    ;; Where in 48 bytes each colour of 16 pixels goes; 255 is nowhere.
    (local.set $red0 (v128.const i8x16 0 255 255 1 255 255 2 255 255 3 255 255 4 255 255 5))
    (local.set $red1 (v128.const i8x16 255 255 6 255 255 7 255 255 8 255 255 9 255 255 10 255))
    (local.set $red2 (v128.const i8x16 255 11 255 255 12 255 255 13 255 255 14 255 255 15 255 255))
    (local.set $green0 (v128.const i8x16 255 0 255 255 1 255 255 2 255 255 3 255 255 4 255 255))
    (local.set $green1 (v128.const i8x16 5 255 255 6 255 255 7 255 255 8 255 255 9 255 255 10))
    (local.set $green2 (v128.const i8x16 255 255 11 255 255 12 255 255 13 255 255 14 255 255 15 255))
    (local.set $blue0 (v128.const i8x16 255 255 0 255 255 1 255 255 2 255 255 3 255 255 4 255))
    (local.set $blue1 (v128.const i8x16 255 5 255 255 6 255 255 7 255 255 8 255 255 9 255 255))
    (local.set $blue2 (v128.const i8x16 10 255 255 11 255 255 12 255 255 13 255 255 14 255 255 15))
    (local.set $gains (i32x4.splat (local.get $gain)))
    (local.set $rounding (i32x4.splat (i32.const 32768)))
    (loop $pixels
      (local.set $y (v128.load (i32.add (local.get $luma) (local.get $x))))
      (local.set $half (i16x8.extend_low_i8x16_u (local.get $y)))
      (local.set $a (call $bright (i32x4.extend_low_i16x8_u (local.get $half)) (local.get $gains)))
      (local.set $b (call $bright (i32x4.extend_high_i16x8_u (local.get $half)) (local.get $gains)))
      (local.set $half (i16x8.extend_high_i8x16_u (local.get $y)))
      (local.set $c (call $bright (i32x4.extend_low_i16x8_u (local.get $half)) (local.get $gains)))
      (local.set $d (call $bright (i32x4.extend_high_i16x8_u (local.get $half)) (local.get $gains)))
      (local.set $du (i16x8.sub
        (v128.load8x8_u (i32.add (local.get $u) (i32.shr_u (local.get $x) (i32.const 1)))) (i16x8.splat (i32.const 128))))
      (local.set $dv (i16x8.sub
        (v128.load8x8_u (i32.add (local.get $v) (i32.shr_u (local.get $x) (i32.const 1)))) (i16x8.splat (i32.const 128))))
      (local.set $u0 (i32x4.extend_low_i16x8_s (local.get $du)))
      (local.set $u1 (i32x4.extend_high_i16x8_s (local.get $du)))
      (local.set $v0 (i32x4.extend_low_i16x8_s (local.get $dv)))
      (local.set $v1 (i32x4.extend_high_i16x8_s (local.get $dv)))
      (local.set $red (call $channel (local.get $a) (local.get $b) (local.get $c) (local.get $d)
        (i32x4.add (local.get $rounding) (i32x4.mul (local.get $v0) (i32x4.splat (local.get $redOfV))))
        (i32x4.add (local.get $rounding) (i32x4.mul (local.get $v1) (i32x4.splat (local.get $redOfV))))))
      (local.set $green (call $channel (local.get $a) (local.get $b) (local.get $c) (local.get $d)
        (i32x4.sub (i32x4.sub (local.get $rounding) (i32x4.mul (local.get $u0) (i32x4.splat (local.get $greenOfU))))
          (i32x4.mul (local.get $v0) (i32x4.splat (local.get $greenOfV))))
        (i32x4.sub (i32x4.sub (local.get $rounding) (i32x4.mul (local.get $u1) (i32x4.splat (local.get $greenOfU))))
          (i32x4.mul (local.get $v1) (i32x4.splat (local.get $greenOfV))))))
      (local.set $blue (call $channel (local.get $a) (local.get $b) (local.get $c) (local.get $d)
        (i32x4.add (local.get $rounding) (i32x4.mul (local.get $u0) (i32x4.splat (local.get $blueOfU))))
        (i32x4.add (local.get $rounding) (i32x4.mul (local.get $u1) (i32x4.splat (local.get $blueOfU))))))
      (if (local.get $swap)
        (then
          (local.set $y (local.get $red))
          (local.set $red (local.get $blue))
          (local.set $blue (local.get $y))))
      (if (local.get $apart)
        (then
          (v128.store (i32.add (local.get $to) (local.get $x)) (local.get $red))
          (v128.store (i32.add (i32.add (local.get $to) (local.get $apart)) (local.get $x)) (local.get $green))
          (v128.store
            (i32.add (i32.add (local.get $to) (i32.shl (local.get $apart) (i32.const 1))) (local.get $x)) (local.get $blue)))
        (else
          (v128.store (local.get $to)
            (v128.or
              (v128.or
                (i8x16.swizzle (local.get $red) (local.get $red0))
                (i8x16.swizzle (local.get $green) (local.get $green0)))
              (i8x16.swizzle (local.get $blue) (local.get $blue0))))
          (v128.store offset=16 (local.get $to)
            (v128.or
              (v128.or
                (i8x16.swizzle (local.get $red) (local.get $red1))
                (i8x16.swizzle (local.get $green) (local.get $green1)))
              (i8x16.swizzle (local.get $blue) (local.get $blue1))))
          (v128.store offset=32 (local.get $to)
            (v128.or
              (v128.or
                (i8x16.swizzle (local.get $red) (local.get $red2))
                (i8x16.swizzle (local.get $green) (local.get $green2)))
              (i8x16.swizzle (local.get $blue) (local.get $blue2))))
          (local.set $to (i32.add (local.get $to) (i32.const 48)))))
      (local.set $x (i32.add (local.get $x) (i32.const 16)))
      (br_if $pixels (i32.lt_u (local.get $x) (local.get $width)))))
)
