//! A small blocking HTTP/1.1 client: one connection for each request.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Longer than any test takes, so that a hang becomes a failure.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) const BOUNDARY: &str = "----handful-test";

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The JSON of a call that must succeed.
    pub(crate) fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.text());
        self.json()
    }

    /// The status and code of a problem, after checking its format.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert!(self.header("x-request-id").is_some_and(|id| !id.is_empty()));
        let body = self.json();
        assert_eq!(body["status"], self.status);
        let code = body["code"].as_str().unwrap().to_owned();
        assert_eq!(body["type"], format!("urn:handful:problem:{code}"));
        assert!(body["detail"].as_str().unwrap().len() > 10 && body["title"].is_string());
        (self.status, code)
    }

    pub(crate) fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!(self.problem(), (status, code.to_owned()), "{}", self.text());
    }
}

/// A connection on which a test writes bytes at its own pace.
pub(crate) struct Connection(TcpStream);

impl Connection {
    pub(crate) fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(TIMEOUT)).unwrap();
        Self(stream)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Everything until the other side closes.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A connection reset after the answer is as good as a close.
        let _ = self.0.read_to_end(&mut bytes);
        bytes
    }

    /// One answer, delimited by its length.
    pub(crate) fn answer(&mut self) -> Answer {
        let (head, mut body) = self.head();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let split = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_owned(), value.trim().to_owned())
        };
        let headers: Vec<_> = lines.filter(|line| !line.is_empty()).map(split).collect();
        let answer = Answer { status, headers, body: Vec::new() };
        if answer.header("transfer-encoding") == Some("chunked") {
            return Answer { body: self.chunks(body), ..answer };
        }
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut rest = vec![0; length - body.len()];
        self.0.read_exact(&mut rest).unwrap();
        body.extend(rest);
        Answer { body, ..answer }
    }

    /// A chunked body (RFC 9112, 7.1) that begins with `bytes`.
    fn chunks(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let end = self.read_until(&mut bytes, b"\r\n");
            let size = std::str::from_utf8(&bytes[..end]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            bytes.drain(..end + 2);
            while bytes.len() < size + 2 {
                self.read_more(&mut bytes);
            }
            body.extend(&bytes[..size]);
            bytes.drain(..size + 2);
            if size == 0 {
                return body;
            }
        }
    }

    /// The bytes up to the empty line, and what came after it.
    fn head(&mut self) -> (Vec<u8>, Vec<u8>) {
        let mut bytes = Vec::new();
        let end = self.read_until(&mut bytes, b"\r\n\r\n");
        let body = bytes.split_off(end + 4);
        (bytes, body)
    }

    /// Reads until `bytes` has `mark`; returns where.
    fn read_until(&mut self, bytes: &mut Vec<u8>, mark: &[u8]) -> usize {
        loop {
            if let Some(end) = bytes.windows(mark.len()).position(|window| window == mark) {
                return end;
            }
            self.read_more(bytes);
        }
    }

    fn read_more(&mut self, bytes: &mut Vec<u8>) {
        let mut chunk = [0; 4096];
        let n = loop {
            match self.0.read(&mut chunk) {
                // A signal to this process; `read_exact` and `read_to_end` go on by themselves.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read.unwrap(),
            }
        };
        assert!(n > 0, "no answer, only {:?}", String::from_utf8_lossy(bytes));
        bytes.extend(&chunk[..n]);
    }
}

pub(crate) fn request(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut connection = Connection::open(address);
    let length = body.len().to_string();
    let all = [("content-length", length.as_str()), ("connection", "close")];
    connection.write(head(address, method, path, &[&all, headers].concat()).as_bytes()).unwrap();
    // The service may refuse before it has read the whole body.
    let _ = connection.write(body);
    connection.answer()
}

/// The head of a request; a `host` among the headers replaces the usual one.
pub(crate) fn head(address: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        head += &format!("host: {address}\r\n");
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head + "\r\n"
}

pub(crate) fn multipart(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in files {
        let head = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             content-type: application/octet-stream\r\n\r\n"
        );
        body.extend(head.as_bytes());
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// Percent-encodes everything but letters and digits.
pub(crate) fn encoded(name: &str) -> String {
    let byte = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    name.bytes().map(byte).collect()
}
