//! One GET and its answer: HTTP/1.0, so that the answer ends with the connection and is never chunked (RFC 1945; Go's
//! server, which dockerd is built on, answers it so).

use std::io::{self, Read, Write};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 100 to 599.
    pub status: u16,
    /// All of it.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("{0:?} cannot be asked for: it holds white space or control characters")]
    Path(String),
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The start of what came, for those who know more kinds of answers.
    #[error("what came is no HTTP answer")]
    NotHttp(Vec<u8>),
    #[error("the connection ended before the answer did")]
    Short,
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
}

/// Bytes of status line and headers; dockerd sends about 300.
const LARGEST_HEAD: usize = 16_384;
const MOST_HEADERS: usize = 64;

/// Asks `host` for `path`, and takes at most `limit` bytes of body.
pub(super) fn get(
    stream: &mut (impl Read + Write),
    host: &str,
    path: &str,
    limit: usize,
) -> Result<Response, HttpError> {
    if !path.starts_with('/') || !path.bytes().chain(host.bytes()).all(|b| b.is_ascii_graphic()) {
        return Err(HttpError::Path(path.to_owned()));
    }
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: dockseal\r\nAccept: */*\r\n\r\n");
    let sent = stream.write_all(request.as_bytes()).and_then(|()| stream.flush());
    match sent {
        Ok(()) => receive(stream, limit),
        // A peer that refuses may have said why before it closed.
        Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
            receive(stream, limit).map_err(|other| match other {
                HttpError::Io(other) if other.kind() != io::ErrorKind::ConnectionReset => other.into(),
                _ => error.into(),
            })
        }
        Err(error) => Err(error.into()),
    }
}

fn receive(stream: &mut impl Read, limit: usize) -> Result<Response, HttpError> {
    let mut received = Vec::new();
    let mut head = None;
    let mut buffer = [0; 16_384];
    loop {
        let wanted = head.as_ref().and_then(|head: &Head| head.length.map(|length| head.end.saturating_add(length)));
        if wanted.is_some_and(|wanted| received.len() >= wanted) {
            break;
        }
        let count = match stream.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // rustls: closed without close_notify. Whether something is missing shows below.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset && head.is_some() => 0,
            Err(error) => return Err(error.into()),
        };
        if count == 0 {
            break;
        }
        received.extend_from_slice(&buffer[..count]);
        if head.is_none() {
            head = parse_head(&received)?;
        }
        let body_from = head.as_ref().map_or(received.len(), |head| head.end);
        let announced = head.as_ref().and_then(|head| head.length).unwrap_or(0);
        if announced > limit || received.len() - body_from > limit {
            return Err(HttpError::TooLarge(limit));
        }
    }
    match head {
        Some(head) => finish(received, &head),
        None if received.is_empty() => Err(HttpError::Short),
        None => Err(HttpError::NotHttp(received)),
    }
}

fn finish(mut received: Vec<u8>, head: &Head) -> Result<Response, HttpError> {
    let mut body = received.split_off(head.end);
    if let Some(length) = head.length {
        if body.len() < length {
            return Err(HttpError::Short);
        }
        body.truncate(length);
    }
    Ok(Response { status: head.status, body })
}

struct Head {
    status: u16,
    end: usize,
    length: Option<usize>,
}

fn parse_head(received: &[u8]) -> Result<Option<Head>, HttpError> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let not_http = || HttpError::NotHttp(received[..received.len().min(64)].to_vec());
    match response.parse(received) {
        Ok(httparse::Status::Complete(end)) => {
            let mut lengths = response.headers.iter().filter(|h| h.name.eq_ignore_ascii_case("content-length"));
            let length = match lengths.next() {
                None => None,
                Some(header) => {
                    let length = std::str::from_utf8(header.value).ok().and_then(|text| text.trim().parse().ok());
                    Some(length.ok_or_else(not_http)?)
                }
            };
            Ok(Some(Head { status: response.code.ok_or_else(not_http)?, end, length }))
        }
        Ok(httparse::Status::Partial) if received.len() <= LARGEST_HEAD => Ok(None),
        _ => Err(not_http()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Canned<'a>(&'a [u8], Vec<u8>);

    impl Read for Canned<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            // One byte at a time: no answer may depend on how it is cut.
            let count = self.0.len().min(1);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    impl Write for Canned<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn ask(answer: &[u8]) -> Result<Response, HttpError> {
        get(&mut Canned(answer, Vec::new()), "docker", "/_ping", 10)
    }

    #[test]
    fn answers_with_and_without_a_length() -> Result<(), HttpError> {
        let ok = Response { status: 200, body: b"OK".to_vec() };
        assert_eq!(ask(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nOKrest")?, ok);
        assert_eq!(ask(b"HTTP/1.0 200 OK\r\n\r\nOK")?, ok);
        assert_eq!(ask(b"HTTP/1.1 404 Not Found\r\n\r\n")?, Response { status: 404, body: Vec::new() });
        Ok(())
    }

    #[test]
    fn hostile_answers_are_errors() {
        assert!(matches!(ask(b""), Err(HttpError::Short)));
        assert!(matches!(ask(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nOK"), Err(HttpError::Short)));
        assert!(matches!(ask(b"HTTP/1.0 200 OK\r\n\r\n12345678901"), Err(HttpError::TooLarge(10))));
        let huge = b"HTTP/1.0 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n";
        assert!(matches!(ask(huge), Err(HttpError::TooLarge(10))));
        assert!(matches!(ask(b"HTTP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n"), Err(HttpError::NotHttp(_))));
        assert!(matches!(ask(b"\x15\x03\x01\x00\x02\x02\x46"), Err(HttpError::NotHttp(_))));
        let endless = [b"HTTP/1.0 200 OK\r\nX: ".to_vec(), vec![b'x'; 20_000]].concat();
        assert!(matches!(ask(&endless), Err(HttpError::NotHttp(_))));
        assert!(matches!(ask(b"HTTP/1.0 200"), Err(HttpError::NotHttp(_))));
    }

    #[test]
    fn the_request_holds_one_line_of_path() -> Result<(), HttpError> {
        let mut canned = Canned(b"HTTP/1.0 200 OK\r\n\r\n", Vec::new());
        get(&mut canned, "docker", "/v1.24/info?x=1", 10)?;
        assert!(canned.1.starts_with(b"GET /v1.24/info?x=1 HTTP/1.0\r\nHost: docker\r\n"));
        for path in ["", "info", "/a b", "/a\r\nX: y"] {
            assert!(matches!(get(&mut canned, "docker", path, 10), Err(HttpError::Path(_))), "{path:?}");
        }
        Ok(())
    }
}
