//! Which database a call means.

use fact_sdk::{ToolError, sql};

/// The database that was named, else the only one that is granted. A name is not looked up here: the host answers for it, and
/// keeps a record of what it refused.
///
/// # Errors
/// Without a name: `denied` when nothing is granted, `invalid-input` with the names when there are several.
pub(crate) fn choose(named: Option<String>) -> Result<String, ToolError> {
    match named {
        Some(name) => Ok(name),
        None => only(sql::databases()),
    }
}

fn only(granted: Vec<String>) -> Result<String, ToolError> {
    match <[String; 1]>::try_from(granted) {
        Ok([name]) => Ok(name),
        Err(none) if none.is_empty() => Err(ToolError::denied(
            "no database is granted; grant one with sql:read:DATABASE",
        )),
        Err(several) => Err(ToolError::invalid_input(format!(
            "say which `database`: {}",
            several.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fact_sdk::ErrorCode;

    #[test]
    fn the_only_one_is_meant() {
        #[track_caller]
        fn check(granted: &[&str], expected: Result<&str, ErrorCode>) {
            let granted = granted.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(only(granted).as_deref().map_err(ToolError::code), expected);
        }
        check(&["finance"], Ok("finance"));
        check(&[], Err(ErrorCode::Denied));
        check(&["finance", "staff"], Err(ErrorCode::InvalidInput));
    }

    #[test]
    fn several_are_named() {
        let error = only(vec!["a".to_owned(), "b".to_owned()]).unwrap_err();
        assert!(error.message().ends_with("a, b"), "{error}");
    }

    #[test]
    fn a_name_is_taken_as_it_is() {
        assert_eq!(choose(Some("x".to_owned())), Ok("x".to_owned()));
    }
}
