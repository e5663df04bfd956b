//! Which capabilities an import could make use of.

/// A kind of capability, and the interfaces through which it is used. One that ends with `/` stands for a whole package.
const USES: &[(&str, &[&str])] = &[
    ("http", &["wasi:http/outgoing-handler"]),
    ("sql", &["fact:plugin/sql"]),
    ("fs", &["wasi:filesystem/"]),
    ("kv", &["fact:plugin/kv"]),
    // A secret may be put into requests without the component's seeing it.
    ("secret", &["fact:plugin/secrets", "wasi:http/outgoing-handler"]),
    ("env", &["wasi:cli/environment", "wasi:config/store"]),
    ("tool", &["fact:plugin/peers"]),
    ("model", &["fact:plugin/model"]),
    ("clock", &["wasi:clocks/"]),
    ("random", &["wasi:random/"]),
    ("net", &["wasi:sockets/"]),
    ("host", &["fact:plugin/host"]),
];

/// Whether one of the imports could make use of a capability of a kind.
pub(crate) fn can_use<'a>(imports: impl Iterator<Item = &'a str>, kind: &str) -> bool {
    let Some((_, through)) = USES.iter().find(|(known, _)| *known == kind) else {
        return false;
    };
    imports
        .map(|name| name.split('@').next().unwrap_or(name))
        .any(|name| {
            through.iter().any(|interface| {
                if interface.ends_with('/') {
                    name.starts_with(interface)
                } else {
                    name == *interface
                }
            })
        })
}

/// Every kind of capability, in the order of their table in the documentation.
pub(crate) fn kinds() -> impl Iterator<Item = &'static str> {
    USES.iter().map(|(kind, _)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_imports_and_no_others() {
        let cases: &[(&str, &[&str])] = &[
            ("wasi:http/outgoing-handler@0.2.4", &["http", "secret"]),
            ("wasi:http/outgoing-handler-x@0.2.4", &[]),
            ("wasi:http/types@0.2.4", &[]),
            ("wasi:filesystem/preopens@0.2.0", &["fs"]),
            ("wasi:filesystemx/preopens@0.2.0", &[]),
            ("fact:plugin/sql@0.1.0", &["sql"]),
            ("fact:plugin/kv@0.1.0", &["kv"]),
            ("fact:plugin/secrets@0.1.0", &["secret"]),
            ("fact:plugin/peers@0.1.0", &["tool"]),
            ("fact:plugin/model@0.1.0", &["model"]),
            ("fact:plugin/host@0.1.0", &["host"]),
            ("fact:plugin/log@0.1.0", &[]),
            ("wasi:cli/environment@0.2.6", &["env"]),
            ("wasi:config/store@0.2.0-draft", &["env"]),
            ("wasi:clocks/wall-clock@0.2.6", &["clock"]),
            ("wasi:random/insecure-seed", &["random"]),
            ("wasi:sockets/tcp@0.2.6", &["net"]),
            ("wasi:cli/stderr@0.2.6", &[]),
        ];
        for (import, expected) in cases {
            let got: Vec<_> = kinds()
                .filter(|kind| can_use([*import].into_iter(), kind))
                .collect();
            assert_eq!(&got, expected, "{import}");
        }
        assert!(!can_use(
            ["wasi:http/outgoing-handler"].into_iter(),
            "no-such-kind"
        ));
    }
}
