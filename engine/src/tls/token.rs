//! A token that callers must send, in a file of its own.

use signatures::Diagnostic;
use signatures::seclang::FileReader;

use super::NamedFile;

/// The token in a file, without the line's end.
pub(super) fn read(
    file: &NamedFile,
    is_token: fn(&str) -> Result<(), &'static str>,
    reader: &dyn FileReader,
) -> Result<String, Box<Diagnostic>> {
    let wrong = |message: &str| {
        let title = format!("cannot take the token of `{}`: {message}", file.path);
        Box::new(Diagnostic::error("unreadable-token", title).at(file.place.clone(), "no token there"))
    };
    let bytes = reader.read(&file.path).map_err(|error| wrong(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not text"))?;
    let token = text.trim();
    is_token(token).map_err(wrong)?;
    Ok(token.to_owned())
}
