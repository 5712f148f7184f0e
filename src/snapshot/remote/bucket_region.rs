//! Which region a bucket is in, as the answers of S3 say: one to a request in another region names the right one in a
//! header, which `object_store` does not pass on.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};

const HEADER: &str = "x-amz-bucket-region";
/// The statuses of answers to requests in another region.
const STATUSES: [u16; 3] = [301, 307, 400];
/// The longest name of a region that is shown.
const LONGEST: usize = 40;

/// The region that the answers so far have named instead of the configured one.
#[derive(Clone, Debug, Default)]
pub(super) struct BucketRegion {
    named: Arc<Mutex<Option<String>>>,
    /// The one that was set.
    set: Option<String>,
}

impl BucketRegion {
    pub(super) fn new(set: Option<String>) -> Self {
        Self { named: Arc::default(), set }
    }

    /// The other region, if the bucket is in one.
    pub(super) fn other(&self) -> Option<String> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, answer: &HttpResponse) {
        let Some(name) = answer.headers().get(HEADER).and_then(|name| name.to_str().ok()) else { return };
        let is_name = name.len() <= LONGEST && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if STATUSES.contains(&answer.status().as_u16()) && is_name && self.set.as_deref() != Some(name) {
            *self.named.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.to_owned());
        }
    }
}

impl HttpConnector for BucketRegion {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(NotingClient { client, region: self.clone() }))
    }
}

/// A client that reads the region in answers.
#[derive(Debug)]
struct NotingClient {
    client: HttpClient,
    region: BucketRegion,
}

impl HttpService for NotingClient {
    fn call<'s, 'f>(
        &'s self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let answer = self.client.execute(request).await?;
            self.region.note(&answer);
            Ok(answer)
        })
    }
}
