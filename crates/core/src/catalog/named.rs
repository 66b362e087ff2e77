//! Things by their names, of which a copy costs next to nothing.
//!
//! Effects and plans are tried out on copies of a catalog, one for nearly every statement; so what no copy has changed is
//! shared by all of them.

use super::snapshot::by_name;
use crate::quote::Name;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, btree_map};
use std::ops::Index;
use std::sync::Arc;

/// A map of names, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<V> {
    all: Arc<BTreeMap<Arc<Name>, Arc<V>>>,
}

impl<V> Default for Named<V> {
    fn default() -> Self {
        Self {
            all: Arc::new(BTreeMap::new()),
        }
    }
}

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

    /// Whether there is one of that name.
    pub fn contains_key(&self, name: &Name) -> bool {
        self.all.contains_key(name)
    }

    /// The one of that name.
    pub fn get(&self, name: &Name) -> Option<&V> {
        self.all.get(name).map(Arc::as_ref)
    }

    /// All of them with their names.
    pub fn iter(&self) -> Iter<'_, V> {
        Iter(self.all.iter())
    }

    /// Their names.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Name> + Clone {
        self.all.keys().map(Arc::as_ref)
    }

    /// All of them.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.all.values().map(Arc::as_ref)
    }
}

impl<V: Clone> Named<V> {
    fn own(&mut self) -> &mut BTreeMap<Arc<Name>, Arc<V>> {
        Arc::make_mut(&mut self.all)
    }

    /// The one of that name, to be changed.
    pub fn get_mut(&mut self, name: &Name) -> Option<&mut V> {
        // What is not there must not cost a copy.
        if !self.contains_key(name) {
            return None;
        }
        self.own().get_mut(name).map(Arc::make_mut)
    }

    /// Puts one in; gives back the one that had the name.
    pub fn insert(&mut self, name: Name, value: V) -> Option<V> {
        let before = self.own().insert(Arc::new(name), Arc::new(value));
        before.map(Arc::unwrap_or_clone)
    }

    /// Takes one out.
    pub fn remove(&mut self, name: &Name) -> Option<V> {
        if !self.contains_key(name) {
            return None;
        }
        self.own().remove(name).map(Arc::unwrap_or_clone)
    }

    /// The place of that name, empty or not.
    pub fn entry(&mut self, name: Name) -> Entry<'_, V> {
        Entry(self.own().entry(Arc::new(name)))
    }

    /// Keeps those of which it is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&Name, &V) -> bool) {
        if self.iter().any(|(name, value)| !keep(name, value)) {
            self.own().retain(|name, value| keep(name, value));
        }
    }

    /// All of them with their names, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Name, &mut V)> {
        let all = self.own().iter_mut();
        all.map(|(name, value)| (name.as_ref(), Arc::make_mut(value)))
    }

    /// Those of which it is true, to be changed; the others stay shared.
    pub fn those(&mut self, which: impl Fn(&V) -> bool) -> impl Iterator<Item = &mut V> {
        let own = self.iter().any(|(_, value)| which(value)).then(|| self.own());
        let values = own.into_iter().flat_map(BTreeMap::values_mut);
        values.filter(move |value| which(value)).map(Arc::make_mut)
    }

    /// All of them, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.own().values_mut().map(Arc::make_mut)
    }
}

/// See [`Named::entry`].
#[derive(Debug)]
pub struct Entry<'a, V>(btree_map::Entry<'a, Arc<Name>, Arc<V>>);

impl<'a, V: Clone> Entry<'a, V> {
    /// What is there, put in where nothing was.
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'a mut V {
        Arc::make_mut(self.0.or_insert_with(|| Arc::new(make())))
    }

    /// What is there, put in where nothing was.
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }
}

impl<'a, V: Clone + Default> Entry<'a, V> {
    /// What is there, put in where nothing was.
    pub fn or_default(self) -> &'a mut V {
        self.or_insert_with(V::default)
    }
}

/// See [`Named::iter`].
#[derive(Debug)]
pub struct Iter<'a, V>(btree_map::Iter<'a, Arc<Name>, Arc<V>>);

impl<V> Clone for Iter<'_, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (&'a Name, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }
}

/// Panics where there is none of that name; for tests.
impl<V> Index<&Name> for Named<V> {
    type Output = V;

    fn index(&self, name: &Name) -> &V {
        &self.all[name]
    }
}

impl<'a, V> IntoIterator for &'a Named<V> {
    type Item = (&'a Name, &'a V);
    type IntoIter = Iter<'a, V>;

    fn into_iter(self) -> Iter<'a, V> {
        self.iter()
    }
}

impl<'a, V: Clone> IntoIterator for &'a mut Named<V> {
    type Item = (&'a Name, &'a mut V);
    type IntoIter = Box<dyn Iterator<Item = Self::Item> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter_mut())
    }
}

impl<V> FromIterator<(Name, V)> for Named<V> {
    fn from_iter<I: IntoIterator<Item = (Name, V)>>(all: I) -> Self {
        let all = all.into_iter().map(|(name, value)| (Arc::new(name), Arc::new(value)));
        Self {
            all: Arc::new(all.collect()),
        }
    }
}

impl<V> From<BTreeMap<Name, V>> for Named<V> {
    fn from(all: BTreeMap<Name, V>) -> Self {
        all.into_iter().collect()
    }
}

impl<V: Serialize> Serialize for Named<V> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        by_name::write(self.iter(), to)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Named<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        by_name::deserialize(from).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_changes_alone() {
        let name = |name: &str| Name::new("public", name);
        let mut all = Named::from_iter([(name("a"), vec![1]), (name("b"), vec![2])]);
        let mut copy = all.clone();
        copy.get_mut(&name("a")).unwrap().push(3);
        copy.remove(&name("b"));
        copy.entry(name("c")).or_default().push(4);
        all.retain(|_, value| value[0] == 2);
        let seen = |all: &Named<Vec<i32>>| {
            all.iter()
                .map(|(name, value)| (name.name.clone(), value.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(seen(&copy), [("a".to_owned(), vec![1, 3]), ("c".to_owned(), vec![4])]);
        assert_eq!(seen(&all), [("b".to_owned(), vec![2])]);
    }
}
