//! Reads from a connection, bounded so that thousands of connections together take little memory.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;

use super::connections::Connection;

/// How much is read at once, in bytes. hyper reads into 8 KiB, and doubles that for good when it was full.
const READ: usize = 4 * 1024;
/// A head may have this much without further ado, in bytes.
const USUAL_HEAD: usize = 8 * 1024;
/// How many heads may be longer than that at once. Others wait.
const LONG_HEADS: usize = 256;

/// How many long heads there are at the moment. For all connections of a server.
#[derive(Debug, Clone)]
pub(super) struct LongHeads(Arc<Semaphore>);

impl Default for LongHeads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LONG_HEADS)))
    }
}

/// A connection that reads little at once, and waits before it reads more of a long head.
#[derive(Debug)]
pub(super) struct BoundedReads {
    stream: TcpStream,
    connection: Arc<Connection>,
    long_heads: PollSemaphore,
    /// The number of the head that is read.
    head: Option<u64>,
    /// How much of it was read so far, and of what came with it.
    length: usize,
    /// Kept until the next head begins: the request holds what its head holds.
    long_head: Option<OwnedSemaphorePermit>,
}

impl BoundedReads {
    pub(super) fn new(stream: TcpStream, connection: Arc<Connection>, heads: &LongHeads) -> Self {
        Self {
            stream,
            connection,
            long_heads: PollSemaphore::new(heads.0.clone()),
            head: None,
            length: 0,
            long_head: None,
        }
    }

    /// Waits until more of a long head may be read.
    fn poll_may_read(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let head = self.connection.awaited_head();
        if head.is_none() {
            return Poll::Ready(());
        }
        // Between two heads nothing may have been read: a short request comes at once.
        if head != self.head {
            (self.head, self.length, self.long_head) = (head, 0, None);
        }
        if self.length + READ > USUAL_HEAD && self.long_head.is_none() {
            self.long_head = ready!(self.long_heads.poll_acquire(context));
        }
        Poll::Ready(())
    }
}

impl AsyncRead for BoundedReads {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_may_read(context));
        ready!(self.stream.poll_read_ready(context))?;
        // Copied, so that of the buffer only what is needed becomes memory.
        let mut part = [0; READ];
        let mut part = ReadBuf::new(&mut part[..READ.min(buffer.remaining())]);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut part))?;
        buffer.put_slice(part.filled());
        self.length = self.length.saturating_add(part.filled().len());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for BoundedReads {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::super::connections::Connections;
    use super::*;

    /// A client, and the two sides of its connection.
    async fn reading(heads: &LongHeads) -> (TcpStream, Arc<Connection>, BoundedReads) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        let (stream, peer) = accepted.unwrap();
        let connection = Connections::new(1).open(peer.ip());
        let reads = BoundedReads::new(stream, connection.clone(), heads);
        (client.unwrap(), connection, reads)
    }

    #[tokio::test]
    async fn a_long_head_waits_for_its_turn_and_keeps_it_until_the_next_head() {
        let heads = LongHeads(Arc::new(Semaphore::new(0)));
        let (mut client, connection, mut reads) = reading(&heads).await;
        client.write_all(&vec![b'x'; 3 * READ]).await.unwrap();
        let mut buffer = vec![0; 64 * 1024];
        let mut read = 0;
        while read < USUAL_HEAD {
            let part = reads.read(&mut buffer).await.unwrap();
            assert!(part <= READ);
            read += part;
        }
        assert!(reads.read(&mut buffer).now_or_never().is_none(), "it waits");
        heads.0.add_permits(1);
        while read < 3 * READ {
            read += reads.read(&mut buffer).await.unwrap();
        }
        // The request begins, and ends; then another one comes.
        let request = connection.begin();
        assert!(reads.read(&mut buffer).now_or_never().is_none());
        assert_eq!(heads.0.available_permits(), 0);
        drop(request);
        client.write_all(b"x").await.unwrap();
        assert_eq!(reads.read(&mut buffer).await.unwrap(), 1);
        assert_eq!(heads.0.available_permits(), 1);
    }

    #[tokio::test]
    async fn many_short_heads_are_no_long_one() {
        let (mut client, connection, mut reads) =
            reading(&LongHeads(Arc::new(Semaphore::new(0)))).await;
        let mut buffer = vec![0; 64 * 1024];
        for _ in 0..20 {
            client.write_all(&[b'x'; 1000]).await.unwrap();
            let read = timeout(Duration::from_secs(30), reads.read(&mut buffer));
            assert!(read.await.expect("it waits").unwrap() > 0);
            drop(connection.begin());
        }
    }
}
