//! Things by their names, of which a copy costs next to nothing, and which are found by what they mention.
//!
//! Effects and plans are tried out on copies of a catalog, one for nearly every statement; so what no copy has changed is
//! shared by all of them. Who points at a table, or has an index of a name, is asked as often; so no question walks over
//! all there is.

use super::snapshot::by_name;
use super::{Mention, TEMPORARY};
use crate::quote::Name;
use imbl::shared_ptr::DefaultSharedPtr;
use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut, Index};
use std::sync::Arc;

/// What can be found by what it mentions.
pub trait Mentions: Clone {
    /// Says all that it mentions.
    fn each(&self, own: &Name, say: &mut dyn FnMut(Mention<'_>));
}

/// A map of names, in their order.
#[derive(Debug, Clone)]
pub struct Named<V> {
    all: OrdMap<Arc<Name>, Slot<V>>,
    mentions: OrdSet<Link>,
    /// How many of them are temporary: every bare name is looked for among these first.
    temporary: usize,
}

#[derive(Debug, Clone)]
struct Slot<V> {
    value: Arc<V>,
    /// Its mentions as they are in the set.
    keys: Arc<[u64]>,
}

/// Who mentions something. The first of a key is the one without a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    key: u64,
    by: Option<Arc<Name>>,
}

impl<V> Default for Named<V> {
    fn default() -> Self {
        Self {
            all: OrdMap::new(),
            mentions: OrdSet::new(),
            temporary: 0,
        }
    }
}

impl<V: PartialEq> PartialEq for Named<V> {
    fn eq(&self, other: &Self) -> bool {
        let same =
            |((name, value), (other_name, other)): ((&Name, &V), (&Name, &V))| name == other_name && value == other;
        self.len() == other.len() && self.iter().zip(other).all(same)
    }
}

impl<V: Eq> Eq for Named<V> {}

impl<V> Named<V> {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether there is any in the schema of temporary ones.
    pub fn has_temporary(&self) -> bool {
        self.temporary > 0
    }

    /// Whether there is one of that name.
    pub fn contains_key(&self, name: &Name) -> bool {
        self.all.contains_key(name)
    }

    /// The one of that name.
    pub fn get(&self, name: &Name) -> Option<&V> {
        self.all.get(name).map(|slot| slot.value.as_ref())
    }

    /// All of them with their names.
    pub fn iter(&self) -> Iter<'_, V> {
        Iter(self.all.iter())
    }

    /// Their names.
    pub fn keys(&self) -> impl Iterator<Item = &Name> + Clone {
        self.iter().map(|(name, _)| name)
    }

    /// All of them.
    pub fn values(&self) -> impl Iterator<Item = &V> + Clone {
        self.iter().map(|(_, value)| value)
    }

    /// Those that mention it, in the order of their names. Very rarely one that does not is among them: look again.
    pub fn mentioning(&self, what: Mention<'_>) -> impl Iterator<Item = (&Name, &V)> {
        let key = what.key();
        let from = Link { key, by: None };
        let links = self.mentions.range(from..).take_while(move |link| link.key == key);
        links.filter_map(|link| {
            let name = link.by.as_ref()?;
            Some((name.as_ref(), self.get(name)?))
        })
    }
}

impl<V: Mentions> Named<V> {
    /// The one of that name, to be changed.
    pub fn get_mut(&mut self, name: &Name) -> Option<Held<'_, V>> {
        // What is not there must not cost a copy.
        let (name, _) = self.all.get_key_value(name)?;
        let name = Arc::clone(name);
        Some(Held {
            slot: self.all.get_mut(&name)?,
            mentions: &mut self.mentions,
            name,
        })
    }

    /// Puts one in; gives back the one that had the name.
    pub fn insert(&mut self, name: Name, value: V) -> Option<V> {
        let before = self.remove(&name);
        let name = Arc::new(name);
        let keys = keys(&name, &value);
        self.mentions.extend(keys.iter().map(|key| Link::new(*key, &name)));
        self.temporary += usize::from(name.schema == TEMPORARY);
        let slot = Slot {
            value: Arc::new(value),
            keys: keys.into(),
        };
        self.all.insert(name, slot);
        before
    }

    /// Takes one out.
    pub fn remove(&mut self, name: &Name) -> Option<V> {
        let (name, slot) = self.all.remove_with_key(name)?;
        self.temporary -= usize::from(name.schema == TEMPORARY);
        for key in &*slot.keys {
            self.mentions.remove(&Link::new(*key, &name));
        }
        Some(Arc::unwrap_or_clone(slot.value))
    }

    /// The one of that name, put in where none was.
    pub fn or_insert_with(&mut self, name: &Name, make: impl FnOnce() -> V) -> Option<Held<'_, V>> {
        if !self.contains_key(name) {
            self.insert(name.clone(), make());
        }
        self.get_mut(name)
    }

    /// Changes those of which it is true; the others stay shared.
    pub fn change(&mut self, which: impl Fn(&V) -> bool, mut how: impl FnMut(&mut V)) {
        let all = self.iter().filter(|(_, value)| which(value));
        for name in all.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.get_mut(&name).iter_mut().for_each(|value| how(value));
        }
    }

    /// Changes those that mention one of these.
    pub fn change_mentioning<const N: usize>(&mut self, what: [Mention<'_>; N], mut how: impl FnMut(&mut V)) {
        let all = what.into_iter().flat_map(|what| self.mentioning(what));
        for name in all.map(|(name, _)| name.clone()).collect::<BTreeSet<_>>() {
            self.get_mut(&name).iter_mut().for_each(|value| how(value));
        }
    }

    /// Takes out those of which it is true.
    pub fn remove_those(&mut self, which: impl Fn(&Name, &V) -> bool) {
        let all = self.iter().filter(|(name, value)| which(name, value));
        for name in all.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.remove(&name);
        }
    }

    /// Takes out those that mention it and of which it is true.
    pub fn remove_mentioning(&mut self, what: Mention<'_>, which: impl Fn(&V) -> bool) {
        let all = self.mentioning(what).filter(|(_, value)| which(value));
        for name in all.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.remove(&name);
        }
    }
}

impl Link {
    fn new(key: u64, by: &Arc<Name>) -> Self {
        Self {
            key,
            by: Some(Arc::clone(by)),
        }
    }
}

/// Its mentions, each once, in order.
fn keys<V: Mentions>(name: &Name, value: &V) -> Vec<u64> {
    let mut keys = Vec::new();
    value.each(name, &mut |mention| keys.push(mention.key()));
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// One that may be changed. See [`Named::get_mut`].
#[derive(Debug)]
pub struct Held<'a, V: Mentions> {
    slot: &'a mut Slot<V>,
    mentions: &'a mut OrdSet<Link>,
    name: Arc<Name>,
}

impl<V: Mentions> Deref for Held<'_, V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.slot.value
    }
}

impl<V: Mentions> DerefMut for Held<'_, V> {
    fn deref_mut(&mut self) -> &mut V {
        Arc::make_mut(&mut self.slot.value)
    }
}

impl<V: Mentions> Drop for Held<'_, V> {
    fn drop(&mut self) {
        let now = keys(&self.name, &*self.slot.value);
        if *now == *self.slot.keys {
            return;
        }
        for gone in self.slot.keys.iter().filter(|key| now.binary_search(key).is_err()) {
            self.mentions.remove(&Link::new(*gone, &self.name));
        }
        for new in now.iter().filter(|key| self.slot.keys.binary_search(key).is_err()) {
            self.mentions.insert(Link::new(*new, &self.name));
        }
        self.slot.keys = now.into();
    }
}

/// See [`Named::iter`].
#[expect(missing_debug_implementations, reason = "the map's own has none")]
pub struct Iter<'a, V>(imbl::ordmap::Iter<'a, Arc<Name>, Slot<V>, DefaultSharedPtr>);

impl<V> Clone for Iter<'_, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (&'a Name, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, slot)| (name.as_ref(), slot.value.as_ref()))
    }
}

/// Panics where there is none of that name; for tests.
impl<V> Index<&Name> for Named<V> {
    type Output = V;

    fn index(&self, name: &Name) -> &V {
        &self.all[name].value
    }
}

impl<'a, V> IntoIterator for &'a Named<V> {
    type Item = (&'a Name, &'a V);
    type IntoIter = Iter<'a, V>;

    fn into_iter(self) -> Iter<'a, V> {
        self.iter()
    }
}

impl<V: Mentions> FromIterator<(Name, V)> for Named<V> {
    fn from_iter<I: IntoIterator<Item = (Name, V)>>(all: I) -> Self {
        let mut named = Self::new();
        for (name, value) in all {
            named.insert(name, value);
        }
        named
    }
}

impl<V: Mentions> From<BTreeMap<Name, V>> for Named<V> {
    fn from(all: BTreeMap<Name, V>) -> Self {
        all.into_iter().collect()
    }
}

impl<V: Serialize> Serialize for Named<V> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        by_name::write(self.iter(), to)
    }
}

impl<'de, V: Deserialize<'de> + Mentions> Deserialize<'de> for Named<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        by_name::deserialize(from).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// It mentions the constraints of these numbers.
    #[derive(Debug, Clone, PartialEq)]
    struct Few(Vec<u8>);

    impl Mentions for Few {
        fn each(&self, own: &Name, say: &mut dyn FnMut(Mention<'_>)) {
            for number in &self.0 {
                say(Mention::Constraint(&own.schema, &number.to_string()));
            }
        }
    }

    #[test]
    fn a_copy_changes_alone() {
        let name = |name: &str| Name::new("public", name);
        let mut all = Named::from_iter([(name("a"), Few(vec![1])), (name("b"), Few(vec![2]))]);
        let mut copy = all.clone();
        copy.get_mut(&name("a")).unwrap().0.push(3);
        copy.remove(&name("b"));
        copy.or_insert_with(&name("c"), || Few(Vec::new())).unwrap().0.push(4);
        all.remove_those(|_, value| value.0[0] != 2);
        let seen = |all: &Named<Few>| {
            all.iter()
                .map(|(name, value)| (name.name.clone(), value.0.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(seen(&copy), [("a".to_owned(), vec![1, 3]), ("c".to_owned(), vec![4])]);
        assert_eq!(seen(&all), [("b".to_owned(), vec![2])]);
    }

    proptest! {
        #[test]
        fn who_mentions_what_is_what_a_walk_over_all_finds(changes in vec((0..4_u8, 0..5_u8, vec(0..6_u8, 0..4)), 0..40)) {
            let mut all: Named<Few> = Named::new();
            for (what, which, numbers) in changes {
                let name = Name::new("public", which.to_string());
                match what {
                    0 => drop(all.insert(name, Few(numbers))),
                    1 => drop(all.remove(&name)),
                    2 => all.change(|few| few.0.contains(&which), |few| few.0.clone_from(&numbers)),
                    _ => all.get_mut(&name).iter_mut().for_each(|few| few.0.clone_from(&numbers)),
                }
                for number in 0..6 {
                    let text = number.to_string();
                    let found: Vec<&Name> = all.mentioning(Mention::Constraint("public", &text)).map(|(name, _)| name).collect();
                    let walked: Vec<&Name> = all.iter().filter(|(_, few)| few.0.contains(&number)).map(|(name, _)| name).collect();
                    prop_assert_eq!(found, walked);
                }
            }
        }
    }
}
