//! Disjoint sets of numbers, each named by its smallest member.
//!
//! The smaller root always wins. That costs the balance of a union by size, but names do not depend on
//! the order of the joins, and paths are halved on every walk.

/// A forest of parents; a root is its own parent and the smallest of its tree.
#[derive(Debug)]
pub(crate) struct Forest(Vec<u32>);

impl Forest {
    /// Every number below `count` by itself.
    pub(crate) fn new(count: usize) -> Self {
        Self((0..).take(count).collect())
    }

    /// The smallest number in the set.
    pub(crate) fn root(&mut self, mut member: u32) -> u32 {
        let parent = &mut self.0;
        while parent[member as usize] != member {
            let up = parent[parent[member as usize] as usize];
            parent[member as usize] = up;
            member = up;
        }
        member
    }

    /// Makes one set of two.
    pub(crate) fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b) as usize] = a.min(b);
    }

    /// The root of every number.
    pub(crate) fn roots(mut self) -> Vec<u32> {
        for member in 0..self.0.len() {
            // A root stands before all that it is the root of, so its children know it already.
            self.0[member] = self.0[self.0[member] as usize];
        }
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sets_are_those_of_relabelling(joins in prop::collection::vec((0_u32..40, 0_u32..40), 0..60)) {
            let mut forest = Forest::new(40);
            let mut label: Vec<u32> = (0..40).collect();
            for (a, b) in joins {
                forest.join(a, b);
                let (a, b) = (label[a as usize], label[b as usize]);
                for label in &mut label {
                    if *label == a.max(b) {
                        *label = a.min(b);
                    }
                }
                prop_assert_eq!(forest.root(a), forest.root(b));
            }
            prop_assert_eq!(forest.roots(), label);
        }
    }
}
