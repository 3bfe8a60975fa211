// The shapes of the server's answers that the page reads (docs/api.md describes them).

export interface SampleType {
  type: string;
  unit: string;
}

export interface SampleTypeInfo extends SampleType {
  default: boolean;
  cumulative: boolean;
}

export interface TypeInfo {
  type: string;
  count: number;
  first: string;
  last: string;
}

export interface LabelInfo {
  key: string;
  values: { value: string; count: number }[];
  truncated: boolean;
}

export interface SeriesGroup {
  value: string | null;
  other?: boolean;
  sum: number[];
  mean?: (number | null)[];
  count: number[];
  duration: number[];
  self?: number[];
  total?: number[];
}

export interface Series {
  sample_type: SampleType;
  cumulative: boolean;
  start: number; // unix seconds
  step: number; // seconds
  points: number;
  groups: SeriesGroup[];
  truncated: boolean;
}

export interface FlameNodes {
  parent: number[];
  name: number[];
  file: number[];
  line: number[];
  address?: string[];
  binary: number[];
  package: number[];
  self: number[];
  total: number[];
  inlined?: number[];
  folded: number[];
  base_self?: number[];
  base_total?: number[];
}

export interface FlameAnswer {
  sample_type: SampleType;
  sample_types: SampleType[];
  total: number;
  base_total_sum?: number;
  period: number;
  profiles: number;
  time: string | null;
  duration_nanos: number;
  names: string[];
  files: string[];
  packages: string[];
  binaries: string[];
  build_ids: string[]; // one an entry of binaries
  nodes: FlameNodes;
  truncated: { nodes: number; value: number };
}

export interface TopRow {
  name: string;
  file: string;
  line: number;
  address?: string; // granularity addresses
  flat: number;
  cum: number;
  base_flat?: number;
  base_cum?: number;
}

export interface TopAnswer {
  sample_type: SampleType;
  total: number;
  base_total_sum?: number;
  rows: TopRow[];
  missing: { rows: number; flat: number };
}

export interface ProfileTotal extends SampleType {
  value: number | null; // null: the sum leaves int64
}

export interface ProfileMeta {
  id: string;
  type: string;
  service: string;
  labels?: { key: string; value: string }[];
  created_at: string;
  duration_nanos?: number | null; // with totals=true; null: a trace
  totals?: ProfileTotal[] | null;
}

export interface StoreInfo {
  profiles: number;
  bytes: number;
  oldest: string | null;
  newest: string | null;
  retention_seconds: number;
  partitions: number;
  ingest_per_second: number;
  version: string;
  now: string;
}

export interface UiConfig {
  source_url: string | null;
  base_path: string;
  auth: boolean; // there is an auth file: calls need a token
}
