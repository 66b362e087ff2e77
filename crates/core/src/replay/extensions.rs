//! What common extensions bring: types, the functions that a migration or a default may call, schemas and relations.
//!
//! The lists come from the extensions' own control files and scripts. What is not listed is not known: an extension that
//! is not here leaves the catalog incomplete.

use super::Certainty::{self, Guessed, Known, Unknown};
use crate::catalog::{Catalog, Function, Kept, Relation, RelationKind, TypeDef, Volatility};
use crate::quote::Name;
use crate::sql::NameRef;

struct Extension {
    name: &'static str,
    types: &'static [&'static str],
    /// Functions, and whether they are volatile.
    functions: &'static [(&'static str, Volatility)],
    /// Tables and views.
    relations: &'static [(&'static str, RelationKind)],
    /// A schema that its control file fixes.
    schema: Option<&'static str>,
}

use RelationKind::{Table, View};
use Volatility::{Immutable, Stable, Volatile};

const NOTHING: Extension = Extension {
    name: "",
    types: &[],
    functions: &[],
    relations: &[],
    schema: None,
};

const KNOWN: &[Extension] = &[
    Extension {
        name: "plpgsql",
        schema: Some("pg_catalog"),
        ..NOTHING
    },
    Extension {
        name: "btree_gin",
        ..NOTHING
    },
    Extension {
        name: "btree_gist",
        ..NOTHING
    },
    Extension {
        name: "bloom",
        ..NOTHING
    },
    Extension {
        name: "citext",
        types: &["citext"],
        ..NOTHING
    },
    Extension {
        name: "cube",
        types: &["cube"],
        functions: &[("cube", Immutable)],
        ..NOTHING
    },
    Extension {
        name: "earthdistance",
        types: &["earth"],
        functions: &[
            ("earth_distance", Immutable),
            ("ll_to_earth", Immutable),
            ("earth_box", Immutable),
        ],
        ..NOTHING
    },
    Extension {
        name: "fuzzystrmatch",
        functions: &[
            ("levenshtein", Immutable),
            ("soundex", Immutable),
            ("metaphone", Immutable),
            ("dmetaphone", Immutable),
        ],
        ..NOTHING
    },
    Extension {
        name: "hstore",
        types: &["hstore"],
        functions: &[("hstore", Immutable)],
        ..NOTHING
    },
    Extension {
        name: "intarray",
        types: &["query_int"],
        ..NOTHING
    },
    Extension {
        name: "isn",
        types: &["ean13", "isbn", "isbn13", "ismn", "issn", "upc"],
        ..NOTHING
    },
    Extension {
        name: "ltree",
        types: &["ltree", "lquery", "ltxtquery"],
        functions: &[
            ("text2ltree", Immutable),
            ("subpath", Immutable),
            ("nlevel", Immutable),
            ("lca", Immutable),
        ],
        ..NOTHING
    },
    Extension {
        name: "pg_trgm",
        functions: &[
            ("similarity", Immutable),
            ("word_similarity", Immutable),
            ("show_trgm", Immutable),
        ],
        ..NOTHING
    },
    Extension {
        name: "pg_stat_statements",
        relations: &[("pg_stat_statements", View), ("pg_stat_statements_info", View)],
        ..NOTHING
    },
    Extension {
        name: "pgcrypto",
        functions: &[
            ("digest", Immutable),
            ("hmac", Immutable),
            ("crypt", Immutable),
            ("gen_salt", Volatile),
            ("gen_random_bytes", Volatile),
            ("gen_random_uuid", Volatile),
            ("pgp_sym_encrypt", Volatile),
            ("pgp_sym_decrypt", Immutable),
        ],
        ..NOTHING
    },
    Extension {
        name: "postgis",
        types: &[
            "geometry",
            "geography",
            "box2d",
            "box3d",
            "spheroid",
            "geometry_dump",
            "valid_detail",
        ],
        relations: &[
            ("spatial_ref_sys", Table),
            ("geometry_columns", View),
            ("geography_columns", View),
        ],
        ..NOTHING
    },
    Extension {
        name: "seg",
        types: &["seg"],
        ..NOTHING
    },
    Extension {
        name: "tablefunc",
        ..NOTHING
    },
    Extension {
        name: "tsm_system_rows",
        ..NOTHING
    },
    Extension {
        name: "unaccent",
        functions: &[("unaccent", Stable)],
        ..NOTHING
    },
    Extension {
        name: "uuid-ossp",
        functions: &[
            ("uuid_generate_v1", Volatile),
            ("uuid_generate_v1mc", Volatile),
            ("uuid_generate_v3", Immutable),
            ("uuid_generate_v4", Volatile),
            ("uuid_generate_v5", Immutable),
            ("uuid_nil", Immutable),
        ],
        ..NOTHING
    },
    Extension {
        name: "vector",
        types: &["vector", "halfvec", "sparsevec"],
        ..NOTHING
    },
];

fn known(name: &str) -> Option<&'static Extension> {
    KNOWN.iter().find(|extension| extension.name == name)
}

/// The types that an extension brings, as far as they are known.
pub(crate) fn types_of(extension: &str) -> &'static [&'static str] {
    known(extension).map_or(&[], |known| known.types)
}

/// `CREATE EXTENSION`.
pub(super) fn create(catalog: &mut Catalog, name: &str, schema: Option<&str>) -> Certainty {
    if !catalog.extensions.insert(name.to_owned()) {
        return Known;
    }
    let Some(extension) = known(name) else { return Unknown };
    let schema = extension.schema.or(schema).map(str::to_owned);
    let place = |catalog: &Catalog, name: &str| {
        catalog.target(&NameRef {
            schema: schema.clone(),
            name: name.to_owned(),
        })
    };
    for name in extension.types {
        let name = place(catalog, name);
        catalog.types.or_insert_with(&name, || TypeDef::Other);
    }
    for (name, volatility) in extension.functions {
        let name = place(catalog, name);
        catalog.functions.or_insert_with(&name, || {
            vec![Function {
                arguments: String::new(),
                returns: String::new(),
                volatility: *volatility,
                language: "c".to_owned(),
                body: None,
                inlined: None,
                kept: Kept::default(),
            }]
        });
    }
    for (name, kind) in extension.relations {
        let name = place(catalog, name);
        catalog.relations.or_insert_with(&name, || Relation::created(*kind));
    }
    if extension.functions.is_empty() && extension.relations.is_empty() && extension.types.is_empty() {
        Known
    } else {
        Guessed
    }
}

/// `DROP EXTENSION`: the types whose columns go with it.
pub(super) fn drop(catalog: &mut Catalog, name: &str) -> (Vec<Name>, Certainty) {
    let had = catalog.extensions.remove(name);
    let Some(extension) = known(name).filter(|_| had) else {
        return (Vec::new(), if had { Unknown } else { Known });
    };
    let of = |name: &Name, list: &[&str]| list.contains(&name.name.as_str());
    let types: Vec<Name> = catalog
        .types
        .iter()
        .filter(|(name, definition)| **definition == TypeDef::Other && of(name, extension.types))
        .map(|(name, _)| name.clone())
        .collect();
    catalog.types.remove_those(|name, _| types.contains(name));
    let functions: Vec<&str> = extension.functions.iter().map(|(name, _)| *name).collect();
    catalog
        .functions
        .remove_those(|name, overloads| of(name, &functions) && overloads.iter().all(|f| f.language == "c"));
    let relations: Vec<&str> = extension.relations.iter().map(|(name, _)| *name).collect();
    catalog.relations.remove_those(|name, _| of(name, &relations));
    (types, Guessed)
}

/// A volatile function in C that changes no schema and no rows.
pub(super) fn is_harmless(function: &str) -> bool {
    KNOWN
        .iter()
        .flat_map(|extension| extension.functions)
        .any(|(name, _)| *name == function)
}
