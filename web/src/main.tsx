// The page: its head, the view that the address names, and what lies over all views.
import { render } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { access, startAccess } from "./access";
import { api } from "./api";
import { useCatalog } from "./catalog";
import { ConfigContext, useAccess } from "./context";
import { closeProblem, useDropped } from "./dropped";
import { startKeys } from "./keys";
import { useLoad } from "./load";
import { fresh, type State, type View } from "./state";
import { follow, useStateOfPage } from "./store";
import { setTheme, startTheme, useTheme } from "./theme";
import type { UiConfig } from "./types";
import { Account } from "./ui/Account";
import { DropZone, OpenFile } from "./ui/DropZone";
import { Help } from "./ui/Help";
import { Empty, ErrorNotice, Skeleton } from "./ui/Notice";
import { TakeHome } from "./ui/ProfileBar";
import { QueryBar } from "./ui/QueryBar";
import { SignIn } from "./ui/SignIn";
import { StorePanel } from "./ui/StorePanel";
import { Compare } from "./views/Compare";
import { DroppedView } from "./views/DroppedView";
import { Explore } from "./views/Explore";
import { FunctionView } from "./views/Function";
import { Profiles } from "./views/Profiles";
import { Welcome } from "./views/Welcome";

const views: [View, string][] = [
  ["explore", "Explore"],
  ["compare", "Compare"],
  ["profiles", "Profiles"],
];

/* When the server doesn't say: what has been true of all of them. */
const noConfig: UiConfig = { source_url: null, base_path: "/", auth: false };

function App() {
  const s = useStateOfPage();
  const [round, bump] = useState(0);
  const [help, setHelp] = useState(false);
  const { value: config, error: noAnswer } = useLoad("config", api.config);
  const { asking } = useAccess();
  const catalog = useCatalog(s, round);
  const { dropped, problem } = useDropped();
  useEffect(() => {
    if (config?.auth) access.load().catch(() => undefined); // then the head names nobody
  }, [config]);
  const onRefresh = useCallback(() => bump((n) => n + 1), []);
  useEffect(() => startKeys(() => setHelp(true)), []);
  useEffect(() => {
    document.title = s.service ? `${s.service} ${s.type} · profefe` : "profefe";
  }, [s.service, s.type]);
  const empty = catalog.services.error?.isNothing === true || catalog.services.value?.length === 0;
  // Traces are listed; Explore says so where something else of them is asked for
  const view = s.type === "trace" && s.view !== "profiles" ? "explore" : s.view;
  const View = { explore: Explore, compare: Compare, profiles: Profiles, function: FunctionView }[view];
  const body = () => {
    if (dropped) return <DroppedView s={s} file={dropped} />;
    if (empty) return <Welcome onRefresh={onRefresh} />;
    if (catalog.services.error)
      return <ErrorNotice error={catalog.services.error} again={catalog.services.again} />;
    if (!s.service) return <Skeleton rows={8} label="Loading" />;
    if (!s.type && catalog.types.error?.isNothing)
      return (
        <>
          <QueryBar s={s} c={catalog} onRefresh={onRefresh} />
          <Empty title={`Nothing of ${s.service.slice(0, 100)} is stored.`} />
        </>
      );
    return (
      <>
        {catalog.types.error && !catalog.types.error.isNothing && (
          <ErrorNotice error={catalog.types.error} again={catalog.types.again} />
        )}
        {catalog.samples.error && !catalog.samples.error.isNothing && (
          <ErrorNotice error={catalog.samples.error} again={catalog.samples.again} />
        )}
        <View s={s} c={catalog} round={round} onRefresh={onRefresh} />
      </>
    );
  };
  return (
    <ConfigContext.Provider value={config ?? (noAnswer && noConfig)}>
      <Head s={s} empty={empty && !dropped} onHelp={() => setHelp(true)} />
      {problem && (
        <div class="notice bad" role="alert">
          <strong>This file can't be shown.</strong>
          <bdi class="notice-text">{problem}</bdi>
          <button type="button" onClick={closeProblem}>
            Close
          </button>
        </div>
      )}
      <main class="view">{body()}</main>
      <DropZone />
      {asking && <SignIn />}
      {help && <Help onClose={() => setHelp(false)} />}
    </ConfigContext.Provider>
  );
}

function Head({ s, empty, onHelp }: { s: State; empty: boolean; onHelp: () => void }) {
  const { dark } = useTheme();
  return (
    <header>
      <a class="logo" href="./">
        <Mark />
        profefe
      </a>
      {!empty && (
        <nav aria-label="Views">
          {views.map(([view, text]) => (
            <a
              key={view}
              {...follow({ view, ...(s.view === view ? {} : fresh) })}
              aria-current={
                s.view === view || (view === "explore" && s.view === "function") ? "page" : undefined
              }
            >
              {text}
            </a>
          ))}
        </nav>
      )}
      <span class="grow" />
      {!empty && <TakeHome s={s} />}
      <OpenFile />
      <StorePanel />
      <Account />
      <button
        type="button"
        class="icon"
        aria-label={dark ? "Light colours" : "Dark colours"}
        title={dark ? "Light colours (t)" : "Dark colours (t)"}
        onClick={() => setTheme(dark ? "light" : "dark")}
      >
        {dark ? "☀" : "☾"}
      </button>
      <button type="button" class="icon" aria-label="Keys" title="Keys (?)" onClick={onHelp}>
        ?
      </button>
    </header>
  );
}

function Mark() {
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
      <rect x="1" y="11" width="14" height="3" rx="1" fill="#c4512e" />
      <rect x="1" y="7" width="10" height="3" rx="1" fill="#de7a3c" />
      <rect x="3" y="3" width="5" height="3" rx="1" fill="#f0b24f" />
    </svg>
  );
}

startTheme();
startAccess();
render(<App />, document.getElementById("app")!);
