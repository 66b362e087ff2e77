//! What statements are made of: schemas, types, functions, operators, casts, collations, text search.

use super::{Class, Query};

pub(super) const ALL: &[Class] = &[
    Class::new("schema", SCHEMAS),
    Class::new("type", TYPES),
    Class::new("function", FUNCTIONS),
    Class::new("aggregate", AGGREGATES),
    Class::new("operator", OPERATORS),
    Class::new("operator class", OPERATOR_CLASSES),
    Class::new("operator family", OPERATOR_FAMILIES),
    Class::new("cast", CASTS),
    Class::new("collation", COLLATIONS),
    Class::new("text search configuration", TEXT_SEARCH_CONFIGURATIONS),
    Class::new("text search dictionary", TEXT_SEARCH_DICTIONARIES),
    Class::new("language", LANGUAGES),
];

const SCHEMAS: Query = concat!(
    "SELECT n.nspname::text, NULL, format('%I', n.nspname), jsonb_build_object(
        'owner', pg_get_userbyid(n.nspowner), 'acl', ",
    acl!("n.nspacl", "n", "n.nspowner"),
    ", 'comment', obj_description(n.oid, 'pg_namespace'))
     FROM pg_namespace n WHERE ",
    of_users!()
);

// Row types of relations and array types come with their owners.
const TYPES: Query = concat!(
    "SELECT n.nspname::text, NULL, format('%I.%I', n.nspname, t.typname), jsonb_build_object(
        'kind', t.typtype, 'owner', pg_get_userbyid(t.typowner), 'acl', ",
    acl!("t.typacl", "T", "t.typowner"),
    ", 'defined', t.typisdefined, 'length', t.typlen, 'input', t.typinput::text, 'output', t.typoutput::text,
        'storage', t.typstorage, 'category', t.typcategory, 'preferred', t.typispreferred,
        'array', nullif(t.typarray, 0)::regtype::text,
        'labels', (SELECT jsonb_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
        'attributes', (SELECT jsonb_agg(jsonb_build_array(attname, format_type(atttypid, atttypmod),
                                        attcollation::regcollation::text) ORDER BY attnum)
                       FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped),
        'range', (SELECT jsonb_build_array(rngsubtype::regtype::text, rngcollation::regcollation::text,
                         (SELECT opcname FROM pg_opclass WHERE oid = rngsubopc), rngcanonical::text, rngsubdiff::text,
                         (to_jsonb(r) ->> 'rngmultitypid')::oid::regtype::text)
                  FROM pg_range r WHERE rngtypid = t.oid),
        'base', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
        'not null', t.typnotnull, 'default', t.typdefault,
        'collation', CASE WHEN t.typtype = 'd' THEN nullif(t.typcollation, 0)::regcollation::text END,
        'comment', obj_description(t.oid, 'pg_type'))
     FROM pg_type t
     JOIN pg_namespace n ON n.oid = t.typnamespace
     LEFT JOIN pg_class c ON c.oid = t.typrelid
     WHERE (c.oid IS NULL OR c.relkind = 'c') AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid) AND ",
    of_users!()
);

const FUNCTIONS: Query = concat!(
    "SELECT n.nspname::text, NULL, format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
        jsonb_build_object('definition', pg_get_functiondef(p.oid), 'owner', pg_get_userbyid(p.proowner), 'acl', ",
    acl!("p.proacl", "f", "p.proowner"),
    ", 'comment', obj_description(p.oid, 'pg_proc'))
     FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE p.prokind <> 'a' AND ",
    of_users!()
);

const AGGREGATES: Query = concat!(
    "SELECT n.nspname::text, NULL, format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
        jsonb_build_object(
        'kind', a.aggkind, 'result', pg_get_function_result(p.oid), 'parallel', p.proparallel,
        'functions', jsonb_build_array(a.aggtransfn::text, a.aggfinalfn::text, a.aggcombinefn::text,
            a.aggserialfn::text, a.aggdeserialfn::text, a.aggmtransfn::text, a.aggminvtransfn::text, a.aggmfinalfn::text),
        'states', jsonb_build_array(a.aggtranstype::regtype::text, a.aggtransspace, a.agginitval,
            a.aggmtranstype::regtype::text, a.aggmtransspace, a.aggminitval),
        'finishes', jsonb_build_array(a.aggfinalextra, a.aggmfinalextra, a.aggfinalmodify, a.aggmfinalmodify),
        'sort operator', a.aggsortop::regoperator::text,
        'owner', pg_get_userbyid(p.proowner), 'acl', ",
    acl!("p.proacl", "f", "p.proowner"),
    ", 'comment', obj_description(p.oid, 'pg_proc'))
     FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE ",
    of_users!()
);

const OPERATORS: Query = concat!(
    "SELECT n.nspname::text, NULL, o.oid::regoperator::text, jsonb_build_object(
        'function', o.oprcode::text, 'result', o.oprresult::regtype::text, 'commutator', o.oprcom::regoperator::text,
        'negator', o.oprnegate::regoperator::text, 'restrict', o.oprrest::text, 'join', o.oprjoin::text,
        'merges', o.oprcanmerge, 'hashes', o.oprcanhash, 'owner', pg_get_userbyid(o.oprowner),
        'comment', obj_description(o.oid, 'pg_operator'))
     FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE ",
    of_users!()
);

const OPERATOR_CLASSES: Query = concat!(
    "SELECT n.nspname::text, NULL, format('%I.%I using %I', n.nspname, o.opcname, am.amname), jsonb_build_object(
        'type', o.opcintype::regtype::text, 'default', o.opcdefault, 'stored', o.opckeytype::regtype::text,
        'family', (SELECT opfname FROM pg_opfamily WHERE oid = o.opcfamily), 'owner', pg_get_userbyid(o.opcowner),
        'comment', obj_description(o.oid, 'pg_opclass'))
     FROM pg_opclass o JOIN pg_am am ON am.oid = o.opcmethod JOIN pg_namespace n ON n.oid = o.opcnamespace WHERE ",
    of_users!()
);

const OPERATOR_FAMILIES: Query = concat!(
    "SELECT n.nspname::text, NULL, format('%I.%I using %I', n.nspname, f.opfname, am.amname), jsonb_build_object(
        'operators', (SELECT jsonb_agg(jsonb_build_array(amopstrategy, amopopr::regoperator::text, amoppurpose)
                          ORDER BY amopstrategy, amopopr::regoperator::text) FROM pg_amop WHERE amopfamily = f.oid),
        'functions', (SELECT jsonb_agg(jsonb_build_array(amprocnum, amproc::text, amproclefttype::regtype::text,
                                       amprocrighttype::regtype::text)
                          ORDER BY amprocnum, amproclefttype::regtype::text, amprocrighttype::regtype::text)
                      FROM pg_amproc WHERE amprocfamily = f.oid),
        'owner', pg_get_userbyid(f.opfowner), 'comment', obj_description(f.oid, 'pg_opfamily'))
     FROM pg_opfamily f JOIN pg_am am ON am.oid = f.opfmethod JOIN pg_namespace n ON n.oid = f.opfnamespace WHERE ",
    of_users!()
);

// Casts have no schema. Those below oid 16384 came with the server.
const CASTS: Query =
    "SELECT NULL, NULL, format('%s as %s', castsource::regtype, casttarget::regtype), jsonb_build_object(
        'function', castfunc::regprocedure::text, 'context', castcontext, 'method', castmethod,
        'comment', obj_description(oid, 'pg_cast'))
     FROM pg_cast WHERE oid >= 16384";

// The columns for the locale have changed their names from major to major; versions of the library do not count.
const COLLATIONS: Query = concat!(
    "SELECT n.nspname::text, NULL, format('%I.%I', n.nspname, c.collname), (to_jsonb(c) - ARRAY['oid', 'collname',
        'collnamespace', 'collowner', 'collversion']) || jsonb_build_object(
        'owner', pg_get_userbyid(c.collowner), 'comment', obj_description(c.oid, 'pg_collation'))
     FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE ",
    of_users!()
);

const TEXT_SEARCH_CONFIGURATIONS: Query = concat!(
    "SELECT n.nspname::text, NULL, format('%I.%I', n.nspname, c.cfgname), jsonb_build_object(
        'parser', (SELECT prsname FROM pg_ts_parser WHERE oid = c.cfgparser),
        'mappings', (SELECT jsonb_agg(jsonb_build_array(maptokentype, mapseqno, mapdict::regdictionary::text)
                         ORDER BY maptokentype, mapseqno) FROM pg_ts_config_map WHERE mapcfg = c.oid),
        'owner', pg_get_userbyid(c.cfgowner), 'comment', obj_description(c.oid, 'pg_ts_config'))
     FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace WHERE ",
    of_users!()
);

const TEXT_SEARCH_DICTIONARIES: Query = concat!(
    "SELECT n.nspname::text, NULL, format('%I.%I', n.nspname, d.dictname), jsonb_build_object(
        'template', (SELECT tmplname FROM pg_ts_template WHERE oid = d.dicttemplate), 'options', d.dictinitoption,
        'owner', pg_get_userbyid(d.dictowner), 'comment', obj_description(d.oid, 'pg_ts_dict'))
     FROM pg_ts_dict d JOIN pg_namespace n ON n.oid = d.dictnamespace WHERE ",
    of_users!()
);

const LANGUAGES: Query = concat!(
    "SELECT NULL, NULL, format('%I', l.lanname), jsonb_build_object(
        'trusted', l.lanpltrusted, 'owner', pg_get_userbyid(l.lanowner), 'acl', ",
    acl!("l.lanacl", "l", "l.lanowner"),
    ")
     FROM pg_language l WHERE l.lanispl"
);
