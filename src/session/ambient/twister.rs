//! States of a Mersenne Twister, as an earlier state and the number of steps that lead from it to the present one.
//!
//! A state has 2.5 kB that no compression makes shorter, and a program that draws random numbers changes all of it. A
//! store keeps the earlier state once, and each snapshot only the number of steps. The algorithm is that of
//! `mt19937ar.c`, which `random` and numpy use: all words are made anew from the words before after 624 numbers.

use std::sync::{Mutex, PoisonError};

/// The words of a state.
pub(super) const WORDS: usize = 624;
/// How far the present state may be from the last one that was saved: some 160,000 calls of `random.random`.
const MOST_SEARCHED: u32 = 512;
/// The most steps of one state in a file: a restore takes 50 ms for them.
const MOST_STEPS: u32 = 1 << 16;
/// The distance of the words that are combined.
const SHIFT: usize = 397;
const UPPER_BIT: u32 = 0x8000_0000;
const MATRIX: u32 = 0x9908_b0df;

/// The words of a generator.
pub(super) type TwisterState = [u32; WORDS];

/// The earlier states of one generator of this process. A forked child goes on with those of its parent.
pub(super) struct KnownStates(Mutex<Option<KnownState>>);

struct KnownState {
    base: Box<TwisterState>,
    /// The last state that was asked for.
    last: Box<TwisterState>,
    /// The steps from `base` to `last`.
    steps: u32,
}

impl KnownStates {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Whether no state was saved or restored so far.
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// An earlier state that leads to this one, and the steps that it takes. If none is known, it is the state itself.
    pub(super) fn base_of(&self, state: &TwisterState) -> (TwisterState, u32) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_mut()
            && known.reaches(state)
        {
            return (*known.base, known.steps);
        }
        *known = Some(KnownState { base: Box::new(*state), last: Box::new(*state), steps: 0 });
        (*state, 0)
    }

    /// Makes a state of a file known, so that the next save can refer to it. Returns the state that the steps lead to;
    /// `None` if they are too many.
    pub(super) fn follow(&self, base: TwisterState, steps: u32) -> Option<TwisterState> {
        if steps > MOST_STEPS {
            return None;
        }
        let mut last = Box::new(base);
        (0..steps).for_each(|_| twist(&mut last));
        let state = *last;
        let known = KnownState { base: Box::new(base), last, steps };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Some(state)
    }
}

impl KnownState {
    /// Goes on to this state; false if it is not among the next ones.
    fn reaches(&mut self, state: &TwisterState) -> bool {
        let most = self.steps.saturating_add(MOST_SEARCHED).min(MOST_STEPS);
        let (mut next, mut steps) = (self.last.clone(), self.steps);
        while *next != *state {
            if steps == most {
                return false;
            }
            twist(&mut next);
            steps += 1;
        }
        (self.last, self.steps) = (next, steps);
        true
    }
}

/// Makes the next 624 words.
fn twist(words: &mut TwisterState) {
    for at in 0..WORDS {
        // Words before `at` are new already, as in the reference implementation.
        let [this, next, far] = [at, (at + 1) % WORDS, (at + SHIFT) % WORDS].map(|at| words.get(at).copied());
        let mixed = (this.unwrap_or_default() & UPPER_BIT) | (next.unwrap_or_default() & !UPPER_BIT);
        let odd = if mixed & 1 == 0 { 0 } else { MATRIX };
        if let Some(word) = words.get_mut(at) {
            *word = far.unwrap_or_default() ^ (mixed >> 1) ^ odd;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(seed: u32) -> TwisterState {
        let mut word = seed;
        std::array::from_fn(|at| {
            word = (word ^ (word >> 30)).wrapping_mul(1_812_433_253).wrapping_add(at as u32);
            word
        })
    }

    fn after(base: &TwisterState, steps: u32) -> TwisterState {
        let mut words = *base;
        (0..steps).for_each(|_| twist(&mut words));
        words
    }

    #[test]
    fn the_words_are_those_of_the_reference_implementation() {
        // `init_genrand(5489)`, whose first output is 3499211612.
        let mut words = [5489_u32; WORDS];
        for at in 1..WORDS {
            let before = words[at - 1];
            words[at] = (before ^ (before >> 30)).wrapping_mul(1_812_433_253).wrapping_add(at as u32);
        }
        twist(&mut words);
        let mut word = words[0];
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^= word >> 18;
        assert_eq!(word, 3_499_211_612);
    }

    #[test]
    fn later_states_are_steps_from_an_earlier_one() {
        let (known, first) = (KnownStates::new(), state(1));
        for steps in [0, 1, 1, 40, 40 + MOST_SEARCHED] {
            assert_eq!(known.base_of(&after(&first, steps)), (first, steps));
        }
        // Too far, an earlier one, and one of another seed: each is a new base.
        for other in [after(&first, 41 + 2 * MOST_SEARCHED), after(&first, 3), state(2)] {
            assert_eq!(known.base_of(&other), (other, 0));
        }
        assert_eq!(known.base_of(&after(&state(2), 7)), (state(2), 7));
    }

    #[test]
    fn the_steps_of_a_file_are_followed_and_go_on() {
        let (known, base) = (KnownStates::new(), state(3));
        assert_eq!(known.follow(base, 300), Some(after(&base, 300)));
        assert_eq!(known.base_of(&after(&base, 301)), (base, 301));
        assert_eq!(known.follow(base, MOST_STEPS + 1), None);
        // The last state that may be a number of steps, and the next one.
        assert!(known.follow(base, MOST_STEPS).is_some());
        let next = after(&base, MOST_STEPS + 1);
        assert_eq!(known.base_of(&next), (next, 0));
    }
}
