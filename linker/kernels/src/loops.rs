//! The loops that every instruction set shares, as a macro.
//!
//! A function can be inlined into another only if both are compiled for the same features, and a
//! trait's methods cannot be compiled for features. So each instruction set's file gives a handful of
//! primitives and has these loops expanded beside them:
//!
//! - `Sums`, a number for each of eight lanes; `empty()` and `start(&Lanes)` make them;
//! - `count::<W, Q, XOR>(lanes, rows, sums)` adds, for `Q` rows at once, the bits of eight rows' words
//!   that differ from the row's words (`XOR`) or are set in both;
//! - `at_most(&sums, limit)` gives the lanes whose number, as a signed one, is at most the limit;
//! - `narrowed(&sums)` gives the numbers in 16 bits;
//! - `take(&sums, near, part, out)` takes off the `near` lanes' patterns what the numbers, distances in
//!   a segment, have over the bottom level;
//! - `STEP`, how many rows are worth counting at once.
//!
//! No closure here holds a register: a closure runs inside a function of the standard library, which
//! is not compiled for the features.

/// Calls a loop compiled for so many words, or for any number.
macro_rules! by_width {
    ($words:expr, $loop:ident $(<$rows:tt>)? ($($argument:expr),*)) => {
        match $words {
            1 => $loop::<1 $(, $rows)?>($($argument),*),
            2 => $loop::<2 $(, $rows)?>($($argument),*),
            3 => $loop::<3 $(, $rows)?>($($argument),*),
            4 => $loop::<4 $(, $rows)?>($($argument),*),
            5 => $loop::<5 $(, $rows)?>($($argument),*),
            6 => $loop::<6 $(, $rows)?>($($argument),*),
            7 => $loop::<7 $(, $rows)?>($($argument),*),
            8 => $loop::<8 $(, $rows)?>($($argument),*),
            10 => $loop::<10 $(, $rows)?>($($argument),*),
            12 => $loop::<12 $(, $rows)?>($($argument),*),
            16 => $loop::<16 $(, $rows)?>($($argument),*),
            _ => $loop::<0 $(, $rows)?>($($argument),*),
        }
    };
}

/// Expands `count` for an instruction set that counts in bytes, which overflow after `BYTE_WORDS`
/// words: it gives `add::<XOR>(lanes, row, sums)` for so many.
macro_rules! count_by_bytes {
    ($features:tt) => {
        #[inline]
        #[target_feature(enable = $features)]
        fn count<const W: usize, const Q: usize, const XOR: bool>(
            lanes: &[Lanes],
            rows: [&[u64]; Q],
            sums: &mut [Sums; Q],
        ) {
            for (sums, row) in sums.iter_mut().zip(rows) {
                if W == 0 {
                    for (lanes, row) in lanes.chunks(BYTE_WORDS).zip(row.chunks(BYTE_WORDS)) {
                        add::<XOR>(lanes, row, sums);
                    }
                } else {
                    const { assert!(W <= BYTE_WORDS, "byte counts do not overflow") };
                    // With a known number of words the loop unrolls.
                    add::<XOR>(&lanes[..W], &row[..W], sums);
                }
            }
        }
    };
}

/// Expands the loops for an instruction set. What they compute is written down in `scalar`.
macro_rules! loops {
    ($features:tt) => {
        /// See `scalar::patterns`. The caller has checked the widths.
        #[target_feature(enable = $features)]
        pub(crate) fn patterns(
            row: &[u64],
            missing: u8,
            tile: &Tile,
            groups: &[u16],
            grading: &Grading,
            out: &mut [[u32; LANES]],
        ) {
            // What a row without any similarity has; whatever a lane has else is taken off.
            out.fill([grading.bottom(missing); LANES]);
            for (index, part) in grading.segments().iter().enumerate() {
                if missing >> index & 1 == 1 {
                    continue;
                }
                let (row, present) = (&row[part.words.clone()], tile.present(index));
                if tile.lacks(index) {
                    for (&group, out) in groups.iter().zip(&mut *out) {
                        part.take_missing(present[usize::from(group)], out);
                    }
                }
                let words = part.words.len();
                // Neighbours need no look-up of where each begins.
                if let Some(first) = sift::neighbours(groups) {
                    let all = tile.groups_from(first).zip(&present[first..]);
                    by_width!(words, grade<false>(row, part, all, out));
                } else {
                    let all = groups.iter().map(|&group| {
                        let group = usize::from(group);
                        (tile.group(group), &present[group])
                    });
                    by_width!(words, grade<true>(row, part, all, out));
                }
            }
        }

        /// Takes off what the lanes above the bottom level of a segment of `W` words do not have.
        ///
        /// Most lanes of most groups are at the bottom, so a branch on it is right nearly always. In
        /// groups that were `PICKED` because some segment is not, it is wrong too often to pay.
        #[inline]
        #[target_feature(enable = $features)]
        fn grade<'a, const W: usize, const PICKED: bool>(
            row: &[u64],
            part: &SegmentGrading,
            groups: impl Iterator<Item = (&'a [Lanes], &'a u8)>,
            out: &mut [[u32; LANES]],
        ) {
            let words = part.words::<W>();
            let last = i64::from(part.last_cut());
            for ((lanes, present), out) in groups.zip(out) {
                let mut sums = [empty()];
                count::<W, 1, true>(&lanes[words.clone()], [row], &mut sums);
                let near = at_most(&sums[0], last) & present;
                if PICKED || near != 0 {
                    take(&sums[0], near, part, out);
                }
            }
        }

        /// See `scalar::loud`. The caller has checked the widths.
        #[target_feature(enable = $features)]
        pub(crate) fn loud(
            queries: &[u64],
            tile: &Tile,
            first: usize,
            part: &SegmentGrading,
            loud: &mut [[u8; TILE_GROUPS]; QUERY_STEP],
        ) {
            let (width, words) = (tile.row_words(), part.words.len());
            if queries.len() == STEP * width {
                by_width!(words, near<STEP>(queries, tile, first, part, &mut loud[..STEP]));
            } else {
                for (row, loud) in queries.chunks_exact(width).zip(loud.chunks_mut(1)) {
                    by_width!(words, near<1>(row, tile, first, part, loud));
                }
            }
        }

        /// `loud` for `Q` queries and a segment of `W` words.
        #[target_feature(enable = $features)]
        fn near<const W: usize, const Q: usize>(
            queries: &[u64],
            tile: &Tile,
            first: usize,
            part: &SegmentGrading,
            loud: &mut [[u8; TILE_GROUPS]],
        ) {
            let words = part.words::<W>();
            let rows = rows::<Q>(queries, tile.row_words(), words.clone());
            let heard = i64::from(part.heard_cut());
            for (group, lanes) in tile.groups_from(first).take(TILE_GROUPS).enumerate() {
                let mut sums = [empty(); Q];
                count::<W, Q, true>(&lanes[words.clone()], rows, &mut sums);
                for (loud, sums) in loud.iter_mut().zip(&sums) {
                    loud[group] = at_most(sums, heard);
                }
            }
        }

        /// See `scalar::folded`. The caller has checked the widths.
        #[target_feature(enable = $features)]
        pub(crate) fn folded(
            queries: &[u64],
            limits: &[i64],
            tile: &FoldTile<'_>,
            first: usize,
            near: &mut [[u8; TILE_GROUPS]; QUERY_STEP],
        ) {
            let words = tile.fold().fold_words();
            if limits.len() == STEP {
                let near = &mut near[..STEP];
                by_width!(words, close<STEP>(queries, limits, tile, first, near));
            } else {
                let queries = queries.chunks_exact(words).zip(limits.chunks(1));
                for ((query, limit), near) in queries.zip(near.chunks_mut(1)) {
                    by_width!(words, close<1>(query, limit, tile, first, near));
                }
            }
        }

        /// `folded` for `Q` queries and folds of `W` words.
        #[target_feature(enable = $features)]
        fn close<const W: usize, const Q: usize>(
            queries: &[u64],
            limits: &[i64],
            tile: &FoldTile<'_>,
            first: usize,
            near: &mut [[u8; TILE_GROUPS]],
        ) {
            let rows = rows::<Q>(queries, tile.fold().fold_words(), 0..tile.fold().fold_words());
            for (group, (lanes, starts)) in tile.groups_from(first).take(TILE_GROUPS).enumerate() {
                let mut sums = [start(starts); Q];
                count::<W, Q, true>(lanes, rows, &mut sums);
                for ((near, sums), &limit) in near.iter_mut().zip(&sums).zip(limits) {
                    near[group] = at_most(sums, limit);
                }
            }
        }

        /// See `scalar::common`. The caller has checked the widths.
        #[target_feature(enable = $features)]
        pub(crate) fn common(queries: &[u64], tile: &Tile, out: &mut [[u16; LANES]]) {
            let (width, groups) = (tile.row_words(), tile.groups());
            let mut steps = queries.chunks_exact(STEP * width);
            let (full, rest) = out.split_at_mut(steps.len() * STEP * groups);
            for (queries, out) in (&mut steps).zip(full.chunks_exact_mut(STEP * groups)) {
                by_width!(width, lines<STEP>(queries, tile, out));
            }
            let rest = rest.chunks_exact_mut(groups);
            for (query, out) in steps.remainder().chunks_exact(width).zip(rest) {
                by_width!(width, lines<1>(query, tile, out));
            }
        }

        /// `common` for `Q` queries and rows of `W` words.
        #[target_feature(enable = $features)]
        fn lines<const W: usize, const Q: usize>(
            queries: &[u64],
            tile: &Tile,
            out: &mut [[u16; LANES]],
        ) {
            let rows = rows::<Q>(queries, tile.row_words(), 0..tile.row_words());
            for (group, lanes) in tile.groups_from(0).enumerate() {
                let mut sums = [empty(); Q];
                count::<W, Q, false>(lanes, rows, &mut sums);
                for (out, sums) in out.chunks_exact_mut(tile.groups()).zip(&sums) {
                    out[group] = narrowed(sums);
                }
            }
        }

        /// See `scalar::segment_common`. The caller has checked the widths.
        #[target_feature(enable = $features)]
        pub(crate) fn segment_common(
            row: &[u64],
            tile: &Tile,
            grading: &Grading,
            out: &mut [[u16; LANES]],
        ) {
            for (index, part) in grading.segments().iter().enumerate() {
                let row = &row[part.words.clone()];
                by_width!(part.words.len(), shares(row, tile, grading, index, out));
            }
        }

        /// `segment_common` for one segment of `W` words.
        #[target_feature(enable = $features)]
        fn shares<const W: usize>(
            row: &[u64],
            tile: &Tile,
            grading: &Grading,
            index: usize,
            out: &mut [[u16; LANES]],
        ) {
            let (words, lines) = (grading.segments()[index].words::<W>(), grading.segment_count());
            for (lanes, out) in tile.groups_from(0).zip(out.chunks_exact_mut(lines + 1)) {
                let mut sums = [empty()];
                count::<W, 1, false>(&lanes[words.clone()], [row], &mut sums);
                out[index] = narrowed(&sums[0]);
            }
        }

        /// The same words of `Q` rows of a slice.
        #[inline]
        fn rows<const Q: usize>(
            queries: &[u64],
            width: usize,
            words: std::ops::Range<usize>,
        ) -> [&[u64]; Q] {
            std::array::from_fn(|query| {
                &queries[query * width..(query + 1) * width][words.clone()]
            })
        }
    };
}
