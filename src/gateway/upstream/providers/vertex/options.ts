export interface VertexOptions {
  /** `global`, `us`, `eu` or a region: the location in paths, and in the host where there is no base URL. */
  readonly region: string;
  /** The project that requests are made in. */
  readonly projectId: string;
  /** Another endpoint, as for Private Service Connect; `/v1` is added where it has no path. By default the region's own. */
  readonly baseUrl: string | undefined;
  /** Path of a service account's key file; undefined: Google's application default credentials. */
  readonly serviceAccountFile: string | undefined;
  /** Further headers of the operator's. */
  readonly headers: Readonly<Record<string, string>>;
}
