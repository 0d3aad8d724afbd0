"""An app of its time, for both servers: uploads, downloads, images, pull queues."""

import json
import time

import webapp2
from google.appengine.api import images, taskqueue
from google.appengine.ext import blobstore
from google.appengine.ext.webapp import blobstore_handlers


class Form(webapp2.RequestHandler):
    def get(self):
        bounds = {key: int(value) for key, value in self.request.GET.items()}
        url = blobstore.create_upload_url("/done?from=form", **bounds)
        self.response.write(url.split("/", 3)[3])


class Done(blobstore_handlers.BlobstoreUploadHandler):
    def post(self):
        infos = self.get_uploads()
        stored = blobstore.BlobInfo.get([info.key() for info in infos])
        facts = [
            [each.filename, each.content_type, each.size] for each in infos + stored
        ]
        self.response.write(
            json.dumps(
                {
                    "keys": [str(info.key()) for info in infos],
                    "facts": facts,
                    "hashes": [info.md5_hash for info in stored],
                    "file_hashes": [each.md5_hash for each in self.get_file_infos()],
                    "text": self.request.POST.getall("text"),
                    "fields": sorted(self.request.POST.keys()),
                    "query": self.request.query_string,
                    "method": self.request.method,
                    "type": self.request.content_type,
                }
            )
        )


class Serve(blobstore_handlers.BlobstoreDownloadHandler):
    def get(self, key):
        options = json.loads(self.request.get("options", "{}"))
        self.send_blob(blobstore.BlobInfo.get(key) or key, **options)


class Range(blobstore_handlers.BlobstoreDownloadHandler):
    def get(self):
        try:
            self.response.write(json.dumps(self.get_range()))
        except ValueError:
            self.response.write("ValueError")
        except blobstore_handlers.UnsupportedRangeFormatError:
            self.response.write("UnsupportedRangeFormatError")
        except blobstore_handlers.RangeFormatError:
            self.response.write("RangeFormatError")


class Picture(webapp2.RequestHandler):
    def get(self, key):
        url = images.get_serving_url(key, size=32, crop=True)
        self.response.write(url.split("/", 3)[3])


class Pulled(webapp2.RequestHandler):
    def get(self):
        queue = taskqueue.Queue("pulled")
        queue.purge()
        for number, tag in enumerate(["x", "y", "x", None]):
            payload = str(tag) + str(number)
            past = number - 9
            queue.add(
                taskqueue.Task(payload=payload, method="PULL", tag=tag, countdown=past)
            )
        said = {"counted": queue.fetch_statistics().tasks}
        tagged = queue.lease_tasks_by_tag(60, 10)
        said["tagged"] = [[str(each.payload.decode()), each.tag] for each in tagged]
        rest = queue.lease_tasks(60, 10)
        said["rest"] = [[str(each.payload.decode()), each.tag] for each in rest]
        said["counts"] = [each.retry_count for each in tagged + rest]
        said["none"] = queue.lease_tasks(60, 10)
        queue.modify_task_lease(rest[0], 0)
        time.sleep(0.01)
        said["again"] = [each.retry_count for each in queue.lease_tasks(60, 10)]
        try:
            queue.modify_task_lease(rest[0], 5)
        except taskqueue.Error as error:
            said["expired"] = type(error).__name__
        queue.delete_tasks(tagged)
        said["deleted"] = [each.was_deleted for each in tagged]
        said["left"] = queue.fetch_statistics().tasks
        self.response.write(json.dumps(said))


app = webapp2.WSGIApplication(
    [
        ("/form", Form),
        ("/done", Done),
        ("/serve/(.*)", Serve),
        ("/range", Range),
        ("/picture/(.*)", Picture),
        ("/pulled", Pulled),
    ]
)
