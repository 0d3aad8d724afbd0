import registry

class Drill(registry.Machine):
    def when_run(self, *args, **kw):
        return apply(max, args) + kw.get('more', 0)
