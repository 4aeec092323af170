// The import map wants an entry for the package itself; components import the modules by name.
export {};
