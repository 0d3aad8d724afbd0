<title>$title</title>
% if books:
<ul>
% for number, book in enumerate(books):
<li>${number + 1}. $book (${len(book)})</li>
% end
</ul>
% else:
<p>No books.</p>
% end
<script src="/_ah/channel/jsapi"></script>
<script>new goog.appengine.Channel("$token").open({onopen: function() {},
  onmessage: function(m) { document.title = m.data; }});</script>
