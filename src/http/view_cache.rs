//! Pages that were made a moment ago, for others who ask for the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep_until};

/// How long a view is kept for others, and how often open pages are told of changes: all at the same moment, so that
/// they ask for the same.
const TICK: Duration = Duration::from_secs(1);

/// What a view depends on.
pub(super) type ViewKey = Vec<String>;
/// A view that is made once, for all who wait for it.
pub(super) type SharedView = Arc<OnceCell<MadeView>>;

/// A page that was made.
#[derive(Debug)]
pub(super) struct MadeView {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) html: Bytes,
}

/// The views that are shared at the moment.
#[derive(Debug)]
pub(super) struct ViewCache {
    began: Instant,
    /// With the tick after which each was begun.
    views: Mutex<HashMap<ViewKey, (u64, SharedView)>>,
}

impl Default for ViewCache {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            views: Mutex::default(),
        }
    }
}

impl ViewCache {
    /// The ticks so far.
    fn now(&self) -> u64 {
        self.began.elapsed().as_secs()
    }

    /// Waits for the next tick, and answers its number. A view that is begun after it shows everything before it.
    pub(super) async fn next_tick(&self) -> u64 {
        let next = self.now() + 1;
        sleep_until(self.began + TICK * u32::try_from(next).unwrap_or(u32::MAX)).await;
        next
    }

    /// The view with this key, made or not: one that was begun after the tick; without one, a new view.
    pub(super) fn get(&self, key: ViewKey, after: Option<u64>) -> SharedView {
        let now = self.now();
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        views.retain(|_, (begun, _)| *begun + 1 >= now);
        if let Some((begun, view)) = views.get(&key)
            && after.is_some_and(|after| *begun >= after)
        {
            return view.clone();
        }
        let view = SharedView::default();
        views.insert(key, (now, view.clone()));
        view
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_view_is_shared_by_those_who_were_told_before_it_began() {
        let cache = ViewCache::default();
        let get = |after| cache.get(vec!["/".to_owned()], after);
        let tick = cache.next_tick().await;
        let view = get(Some(tick));
        assert!(Arc::ptr_eq(&view, &get(Some(tick))));
        assert!(Arc::ptr_eq(&view, &get(Some(tick - 1))));
        let next = cache.next_tick().await;
        let later = get(Some(next));
        assert!(!Arc::ptr_eq(&view, &later), "it may lack what came between");
        assert!(!Arc::ptr_eq(&later, &get(None)), "it was made for others");
    }
}
